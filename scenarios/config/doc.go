// Package config holds the scenarios of area CFG: which settings hold for a task
// that runs as another user.
package config
