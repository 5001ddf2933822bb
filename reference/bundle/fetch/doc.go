// Package fetch brings versions of git bundles into their store: it has a repository
// fetched, and writes trees of commits. It is the program understudy-fetcher; package
// bundle, which every start of a task links, runs that for versions that are not there, and
// where none is named.
package fetch
