// Package wire holds the scenarios of area WIRE: frames, and what becomes of them
// when they are large or arrive in pieces.
package wire
