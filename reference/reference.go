// Package reference is the root of the reference supervisor and runner; what they
// do lies in the packages below.
package reference

// Version is that of the suite, which the reference is released with.
const Version = "0.1.0"
