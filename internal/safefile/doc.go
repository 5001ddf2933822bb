// Package safefile opens files in folders that somebody else may write to, a task
// for instance, the code under test, or any user of the machine if the folder is
// below /tmp.
//
// Whoever may write to a folder can put there, in place of a file, and at any
// moment: a symbolic link to somebody else's file, a FIFO nobody writes to, a
// device, a hard link to a file of a third, and exchange it between a check and
// the use of what was checked. So here
//
//   - a Folder is held by its descriptor. Names mean files below it, whatever is
//     renamed meanwhile, and no part of a name is followed as a symbolic link;
//   - nothing waits: a FIFO is refused, whether somebody is at its other end or not;
//   - what an opened file is, whose, and under how many names, is asked of its
//     descriptor, after it was opened;
//   - a file that is written anew has never been open elsewhere: it is made, or
//     made beside its place and renamed.
//
// A path that a user names (Open, Read, OpenFolder) is another matter: it may lead
// over symbolic links, which are the user's own, but still has to end at a regular
// file or a folder.
//
// Errors name the path and what is there instead. The text of a path and of the
// target of a link is not escaped otherwise than by %q: whoever prints it, escapes it.
package safefile

import "errors"

// What an error of this package wraps, besides those of package os.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrNotFolder  = errors.New("not a folder")
	ErrOwner      = errors.New("another owner than expected")
	ErrLinks      = errors.New("more than one name")
	ErrTooLarge   = errors.New("too large")
	ErrName       = errors.New("no name of a file below a folder")
	ErrWritable   = errors.New("others may write to it")
)
