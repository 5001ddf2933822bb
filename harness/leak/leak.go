// Package leak finds texts where others than their owner can read them: among the arguments
// and in the environment of processes, and in files.
package leak

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Place is a kind of place where a text was found.
type Place int

const (
	Arguments   Place = iota // of a process: every user can read them
	Environment              // of a process: processes of the same user can read it
	OpenFile                 // a file that every user can read
	OwnFile                  // a file of the user of a task, that others cannot read
)

// Secret is a text to look for.
type Secret struct {
	Kind, Of string // "token", "alice"
	forms    []string
}

// New makes a secret of a text that nothing else has in it. It is looked for as it is, in
// hexadecimal and in base64.
func New(kind, of, text string) Secret { return Secret{kind, of, disguises(text)} }

func (s Secret) String() string { return s.Kind + " of " + s.Of }

// disguises are a text as it is, in hexadecimal, and in base64 wherever in a longer text it
// stands: without the first and last digits, which depend on its neighbours.
func disguises(text string) []string {
	forms := []string{text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text)))}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		encoded = encoded[(shift*8+5)/6 : len(encoded)-1]
		forms = append(forms, encoded, strings.NewReplacer("+", "-", "/", "_").Replace(encoded))
	}
	return forms
}

// In says whether the secret stands in a text, in any form.
func (s Secret) In(text string) bool {
	return slices.ContainsFunc(s.forms, func(form string) bool { return strings.Contains(text, form) })
}

// Process calls found for each secret in what the kernel shows of the process.
func Process(p proc.Process, secrets []Secret, found func(Secret, Place, string)) {
	argv, _ := p.Argv() // of one that has gone there is nothing to see
	environ, _ := p.Environ()
	who := fmt.Sprintf("a process of %s, pid %d (%s)", Whose(p.UIDs[0]), p.PID, p.Name)
	for _, secret := range secrets {
		for i, arg := range argv {
			if secret.In(arg) {
				found(secret, Arguments, fmt.Sprintf("in argument %d of %s", i, who))
			}
		}
		for _, entry := range environ {
			if secret.In(entry) {
				name, _, _ := strings.Cut(entry, "=")
				found(secret, Environment, fmt.Sprintf("in variable %s of %s", name, who))
			}
		}
	}
}

// Whose names an account for people.
func Whose(uid int) string {
	if name := account.ByUID()[uid]; name != "" {
		return name
	}
	if uid == 0 {
		return account.Root().Name
	}
	return fmt.Sprintf("uid %d", uid)
}

// What is read in one look, in octets.
const (
	maxFile = 1 << 20 // of one file: larger ones are left out
	maxRead = 16 * maxFile
)

// Files calls found for each secret in a file below the folders that another user than the
// worker can read, and open for whatever everybody may write to. Nothing is followed.
func Files(folders []string, secrets []Secret, found func(s Secret, at Place, path, mode string), open func(path, mode string)) {
	left := int64(maxRead)
	for _, root := range folders {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone meanwhile
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			mode, owner := info.Mode().Perm(), target(info)
			described := fmt.Sprintf("mode %04o", mode)
			if owner != "" {
				described += " of " + owner
			}
			if mode&0o002 != 0 && info.Mode()&fs.ModeSymlink == 0 {
				open(path, described)
			}
			switch {
			case entry.IsDir() && path != root && owner == "" && mode&0o001 == 0:
				return fs.SkipDir
			case len(secrets) == 0, !info.Mode().IsRegular(), owner == "" && mode&0o004 == 0, info.Size() > min(maxFile, left):
				return nil
			}
			left -= info.Size()
			text, err := read(path)
			for _, secret := range secrets {
				at := OpenFile
				if mode&0o004 == 0 {
					at = OwnFile
				}
				if err == nil && secret.In(text) {
					found(secret, at, path, described)
				}
			}
			return nil
		})
	}
}

func read(path string) (text string, err error) {
	err = safefile.InFolder(path, func(folder *safefile.Folder, name string) error {
		raw, err := folder.Read(name, maxFile, safefile.Terms{})
		text = string(raw)
		return err
	})
	return text, err
}

// target is the fixture user, the worker's account left out, whose file it is; else "".
func target(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	name := account.ByUID()[int(stat.Uid)]
	if name == account.Worker {
		return ""
	}
	return name
}

// Below says whether a path is a folder, or lies in it.
func Below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+string(os.PathSeparator))
}
