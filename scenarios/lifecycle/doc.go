// Package lifecycle holds the scenarios of area LIFE: how a task begins, beats and
// ends, and that it ends whole.
package lifecycle
