// Package interop holds tests of the reference against Apache Airflow itself.
//
// They are behind the build tag "interop" and run as root inside a sandbox of
// Airflow, never on a machine that is somebody's:
//
//	CGO_ENABLED=0 go test -c -tags interop -o tests/ ./ci/interop
//	understudy shell --implementation images/airflow --bring tests -- /understudy/brought/interop.test -test.v
//
// A real API server, over SQLite and without a scheduler, is what the reference
// supervisor talks to:
//
//	database <- site.py: migrate, read the Dags, make Dag runs; then one UPDATE queues a task instance
//	   ^
//	airflow api-server --apps execution  <-  understudy-supervisor  ->  Airflow's runner, or the reference's
//
// What is judged is the database, the task log and the process table. The tiers
// "adapter" and "pairing" of ci/test need no code: they play scenarios against
// the manifests in images/airflow that put a program of each side together.
package interop
