package account

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Sudoers is the policy of every sandbox: Debian's, and a rule by which the
// worker account may become anybody.
const Sudoers = `Defaults	env_reset
Defaults	mail_badpass
Defaults	secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults	use_pty
root	ALL=(ALL:ALL) ALL
airflow	ALL=(ALL:ALL) NOPASSWD: SETENV: ALL
`

// systemGroups are those that sudo, its time stamps and the devices need.
var systemGroups = map[string]int{
	"root": 0, "daemon": 1, "bin": 2, "sys": 3, "adm": 4, "tty": 5, "disk": 6, "mail": 8, "sudo": 27,
	"www-data": 33, "shadow": 42, "utmp": 43, "staff": 50, "games": 60, "users": 100, "nogroup": 65534,
}

// WriteDatabase replaces the account database of the sandbox, whole, and asks
// the system afterwards whether it believes it: an account of the machine with
// the same name would otherwise change what is tested.
func WriteDatabase() error {
	for path, file := range databaseFiles() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("replace %s: %w", path, err)
		}
		if err := Root().WriteFile(path, file.text, file.mode); err != nil {
			return err
		}
	}
	if err := os.RemoveAll("/etc/sudoers.d"); err != nil {
		return fmt.Errorf("remove further sudo rules: %w", err)
	}
	if err := os.Mkdir("/etc/sudoers.d", 0o750); err != nil {
		return fmt.Errorf("make folder of further sudo rules: %w", err)
	}
	if err := os.MkdirAll("/home", 0o755); err != nil {
		return fmt.Errorf("make /home: %w", err)
	}
	for _, a := range everyone() {
		if err := a.newHome(); err != nil {
			return err
		}
	}
	return verifyDatabase()
}

type databaseFile struct {
	text string
	mode os.FileMode
}

func databaseFiles() map[string]databaseFile {
	var passwd, shadow, group strings.Builder
	passwd.WriteString("root:x:0:0:root:/root:/bin/bash\n" +
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")
	shadow.WriteString("root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n")
	for _, name := range slices.Sorted(maps.Keys(systemGroups)) {
		fmt.Fprintf(&group, "%s:x:%d:\n", name, systemGroups[name])
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&group, "%s:x:%d:%s\n", name, groups[name], strings.Join(members(groups[name]), ","))
	}
	for _, a := range everyone() {
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:%s\n", a.Name, a.UID, a.GID, a.Home, a.Shell)
		fmt.Fprintf(&shadow, "%s:*:20000:0:99999:7:::\n", a.Name)
	}
	return map[string]databaseFile{
		"/etc/passwd":  {passwd.String(), 0o644},
		"/etc/group":   {group.String(), 0o644},
		"/etc/shadow":  {shadow.String(), 0o600},
		"/etc/gshadow": {"", 0o600},
		"/etc/sudoers": {Sudoers, 0o440},
	}
}

// members are the accounts that have the group as a supplementary one.
func members(gid int) []string {
	var names []string
	for _, a := range fixtures {
		if slices.Contains(a.Groups, gid) {
			names = append(names, a.Name)
		}
	}
	return names
}

// verifyDatabase asks the system for every account.
func verifyDatabase() error {
	for _, a := range everyone() {
		name := a.Name
		out, err := exec.Command("id", "-u", name).Output()
		if err != nil {
			return fmt.Errorf("ask for account %s: %w", name, err)
		}
		if got := strings.TrimSpace(string(out)); got != strconv.Itoa(a.UID) {
			return fmt.Errorf("account %s has uid %s, %d was written", name, got, a.UID)
		}
		out, err = exec.Command("id", "-G", name).Output()
		if err != nil {
			return fmt.Errorf("ask for the groups of %s: %w", name, err)
		}
		got, want := strings.Fields(string(out)), []string{}
		for _, gid := range append([]int{a.GID}, a.Groups...) {
			want = append(want, strconv.Itoa(gid))
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			return fmt.Errorf("account %s has groups %s, %s were written", name, got, want)
		}
	}
	if err := exec.Command("id", "-u", "ghost").Run(); err == nil {
		return errors.New("account ghost exists, and should not")
	}
	return nil
}
