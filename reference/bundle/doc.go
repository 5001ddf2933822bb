// Package bundle makes the files of a Dag bundle available to a task.
//
// Only the supervisor prepares, and where git is needed a program that it starts
// (package fetch). The task gets a path it can read, and needs to
// write, lock or run nothing below it (apache/airflow#54175, #60387).
//
// A LocalDagBundle is a directory that is there already. A GitDagBundle is
// prepared below the storage directory:
//
//	ROOT/NAME/            0755  NAME is encoded, see EncodeName
//	  lock                0600  flock, held by the one process that prepares
//	  fetched.json        0600  what the last connection to upstream gave
//	  mirror.git          0700  bare repository: all branches and tags
//	  staging             0700  versions that are being written
//	  versions/COMMIT     0555  complete trees: files 0444 or 0555
//
// # What is promised
//
//   - A version is visible only when it is complete, and is never changed or
//     replaced afterwards. An interrupted preparation leaves nothing that the
//     next one cannot deal with (#72759, #72922).
//   - A version that is present costs one lstat: no lock, no git, no network.
//   - Processes that ask for one version at one time make one connection to the
//     upstream repository. Each waits for the lock and then looks again, and a
//     fetch that began after a process asked answers that process, whether it
//     succeeded or not.
//   - Modes do not depend on the umask.
//   - Nothing of the fetched repository is executed: no hooks, no filters, no
//     attributes. Submodules are left out and named in Tree.Skipped.
//   - Credentials in a URL are used and not stored.
//
// # What is not
//
// Versions are not cleaned up. Connections named by git_conn_id are not read.
// A SHA-256 repository is refused by name of the reason.
package bundle
