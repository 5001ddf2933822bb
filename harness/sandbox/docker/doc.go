// Package docker runs sandboxes as containers of a Docker engine, by
// testcontainers-go. Only the outer command links it.
package docker
