package impersonate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest name, in bytes, that the kernel's own limit on
// login names leaves room for.
const maxName = 256

// NameError reports a user name that no tool should be handed.
type NameError struct {
	Name string
	Why  string
}

func (e *NameError) Error() string { return fmt.Sprintf("user name %q is refused: %s", e.Name, e.Why) }

// CheckName returns *NameError for names that sudo or the account database
// would take for something else (IMP-027): options, #uid, several lines,
// blanks at the ends, separators of /etc/passwd and of paths.
func CheckName(name string) error {
	refuse := func(why string) error { return &NameError{Name: name, Why: why} }
	switch {
	case name == "":
		return refuse("it is empty")
	case len(name) > maxName:
		return refuse(fmt.Sprintf("it is longer than %d bytes", maxName))
	case !utf8.ValidString(name):
		return refuse("it is not UTF-8")
	case name[0] == '-':
		return refuse("it starts like an option")
	case name[0] == '#':
		return refuse("it starts with '#', which means a uid to sudo")
	case name[0] == '+', name[0] == '%':
		return refuse("it starts like a group")
	case name != strings.TrimSpace(name):
		return refuse("it has blanks at an end")
	case strings.ContainsAny(name, ":/,"):
		return refuse("it contains ':', '/' or ','")
	case strings.ContainsFunc(name, unicode.IsControl):
		return refuse("it contains a control character")
	}
	return nil
}
