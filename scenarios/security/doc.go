// Package security holds the scenarios of area SEC: that what a task needs not know, it
// cannot know, and that nobody else knows what it was given.
package security
