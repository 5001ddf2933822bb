// Package messages holds the scenarios of area MSG: what tasks ask for and say
// through their supervisor, and that the answers do not depend on the user.
package messages
