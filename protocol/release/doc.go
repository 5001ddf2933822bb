// Package release holds how releases of Apache Airflow are numbered, and ranges of
// them: what a requirement says it holds for, and since when a message has a field.
//
// A pre-release counts as the release that it leads to: 3.4.0b2 is in >=3.4 and not
// in <3.4. Python's own ranges (PEP 440) see that the other way round, since they
// choose what to install. Here the question is what a program does, and a beta
// already does what is new.
package release
