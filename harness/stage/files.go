package stage

import "github.com/understudy-conformance/understudy/internal/safefile"

// maxFile bounds what the stage reads of one file, in bytes.
const maxFile = 64 << 20

// readFile reads a regular file; the last part of its path is not followed.
func readFile(path string) (text []byte, err error) {
	err = safefile.InFolder(path, func(folder *safefile.Folder, name string) (err error) {
		text, err = folder.Read(name, maxFile, safefile.Terms{})
		return err
	})
	return text, err
}
