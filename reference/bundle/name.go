package bundle

import (
	"fmt"
	"strings"
)

// maxName is the longest file name, in bytes, that Linux file systems take.
const maxName = 255

// EncodeName gives the directory name for a bundle: one path element, different
// for different bundles. Letters, digits, '_', '-' and '.' stand for themselves,
// save for a '-' or '.' at the start; every other byte becomes %XX. So no name
// leaves the storage directory and none is read as an option
// (apache/airflow#47567).
func EncodeName(name string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("encode bundle name: name is empty")
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_',
			i > 0 && (c == '-' || c == '.'):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() > maxName {
		return "", fmt.Errorf("encode bundle name %.40q...: %d bytes, %d possible", name, b.Len(), maxName)
	}
	return b.String(), nil
}

// IsCommitID reports whether text is a full commit id. Not by a regular expression: to
// compile one takes 0.1 ms of each start of a supervisor.
func IsCommitID(text string) bool {
	return len(text) == 40 && strings.Trim(text, "0123456789abcdef") == ""
}

// parseVersion returns a version of a git bundle: a full commit id.
func parseVersion(version string) (string, error) {
	id := strings.ToLower(version)
	if !IsCommitID(id) {
		return "", fmt.Errorf("%.80q is not a full commit id (40 hexadecimal digits)", version)
	}
	return id, nil
}
