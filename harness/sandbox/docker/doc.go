// Package docker runs sandboxes as containers of a Docker engine, by
// testcontainers-go. Only the outer command links it.
//
//	Prepare  sweep; image understudy/SLUG:HASH, built by "docker build" from the manifest's
//	         Dockerfile unless it is there; a tar with helper commands and manifest folder
//	Start    create -> copy the tar -> wait for removal -> attach -> start -> plan on stdin
//	          |                                            |
//	          `- understudy-worker init as process 1 <-----' stdin: plan, then a line a case, and life line
//	             no network, no log, removed by itself        stdout: events, stderr: diagnostics
//
// Standard input closes with the outer command, however that ends; process 1
// then ends, and the engine removes the container. Containers carry labels, so
// that Sweep finds what was left all the same, for example after a crash between
// create and start. The reaper of testcontainers (Ryuk) is a second container
// from a registry; it is not used.
//
// Nothing is mounted from the host: the engine may be another machine.
//
// The tests of this package need no engine. With one, and with the base image of
// ci/setup/base or a registry, these show the whole:
//
//	UNDERSTUDY_ENGINE=1 go test -tags engine ./harness/sandbox/docker
package docker
