// Package logs holds the scenarios of area LOG: what a task says arrives whole,
// once, and as what it is.
package logs
