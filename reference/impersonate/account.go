package impersonate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookupTimeout bounds one call of getent or id, which may ask a server.
const lookupTimeout = 10 * time.Second

// Account is an entry of the account database.
type Account struct {
	Name   string
	UID    int
	GID    int
	Groups []int // sorted, GID included
	Home   string
	Shell  string
}

// UnknownUserError reports that no account has the name, or the uid.
type UnknownUserError struct {
	User string // a name, or "uid 61001"
}

func (e *UnknownUserError) Error() string { return fmt.Sprintf("unknown user %s", e.User) }

// Database says where accounts are looked up. The zero value is the system's.
type Database struct {
	Passwd, Group, Nsswitch string // paths; empty means those in /etc
}

// Lookup finds the account of that name in the system's database. The error is
// *NameError, *UnknownUserError, or says why the database could not be asked.
func Lookup(ctx context.Context, name string) (Account, error) {
	return Database{}.Lookup(ctx, name)
}

// LookupUID finds the account with that uid in the system's database.
func LookupUID(ctx context.Context, uid int) (Account, error) {
	return Database{}.LookupUID(ctx, uid)
}

// Lookup finds the account of that name.
func (d Database) Lookup(ctx context.Context, name string) (Account, error) {
	if err := CheckName(name); err != nil {
		return Account{}, err
	}
	entry, err := d.passwd(ctx, name, func(a Account) bool { return a.Name == name })
	if err != nil {
		return Account{}, err
	}
	// getent takes digits for a uid; a user may be named so, but is not meant by them.
	if _, err := strconv.Atoi(name); err == nil && entry.Name != name {
		return Account{}, &UnknownUserError{User: name}
	}
	return d.withGroups(ctx, entry)
}

// LookupUID finds the account with that uid; of several, the first.
func (d Database) LookupUID(ctx context.Context, uid int) (Account, error) {
	entry, err := d.passwd(ctx, strconv.Itoa(uid), func(a Account) bool { return a.UID == uid })
	if unknown := (*UnknownUserError)(nil); errors.As(err, &unknown) || err == nil && entry.UID != uid {
		return Account{}, &UnknownUserError{User: fmt.Sprintf("uid %d", uid)}
	}
	if err != nil {
		return Account{}, err
	}
	return d.withGroups(ctx, entry)
}

// passwd returns the first entry that matches, from the file or from getent.
func (d Database) passwd(ctx context.Context, key string, matches func(Account) bool) (Account, error) {
	path := or(d.Passwd, "/etc/passwd")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Account{}, fmt.Errorf("look up user %s: %w", key, err)
	}
	if account, ok := findAccount(text, matches); ok {
		return account, nil
	}
	if d.onlyFiles("passwd") {
		return Account{}, &UnknownUserError{User: key}
	}
	output, err := ask(ctx, "getent", "passwd", "--", key)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 2 {
		return Account{}, &UnknownUserError{User: key}
	}
	if err != nil {
		return Account{}, fmt.Errorf("look up user %s: %w", key, err)
	}
	account, ok := findAccount(output, func(Account) bool { return true })
	if !ok {
		return Account{}, &UnknownUserError{User: key}
	}
	return account, nil
}

func findAccount(text []byte, matches func(Account) bool) (Account, bool) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 7 || fields[0] == "" || strings.ContainsAny(fields[0][:1], "#+-") {
			continue
		}
		uid, errUID := strconv.ParseUint(fields[2], 10, 31)
		gid, errGID := strconv.ParseUint(fields[3], 10, 31)
		if errUID != nil || errGID != nil {
			continue
		}
		account := Account{Name: fields[0], UID: int(uid), GID: int(gid), Home: fields[5], Shell: or(fields[6], "/bin/sh")}
		if matches(account) {
			return account, true
		}
	}
	return Account{}, false
}

// withGroups adds the groups that a login of the account would have.
func (d Database) withGroups(ctx context.Context, account Account) (Account, error) {
	groups := []int{account.GID}
	if d.onlyFiles("group") {
		text, err := os.ReadFile(or(d.Group, "/etc/group"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return Account{}, fmt.Errorf("look up groups of user %s: %w", account.Name, err)
		}
		groups = append(groups, memberships(text, account.Name)...)
	} else {
		output, err := ask(ctx, "id", "-G", "--", account.Name)
		if err != nil {
			return Account{}, fmt.Errorf("look up groups of user %s: %w", account.Name, err)
		}
		for _, field := range strings.Fields(string(output)) {
			gid, err := strconv.Atoi(field)
			if err != nil {
				return Account{}, fmt.Errorf("look up groups of user %s: id printed %q", account.Name, field)
			}
			groups = append(groups, gid)
		}
	}
	slices.Sort(groups)
	account.Groups = slices.Compact(groups)
	return account, nil
}

func memberships(text []byte, name string) []int {
	var gids []int
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 4 {
			continue
		}
		gid, err := strconv.ParseUint(fields[2], 10, 31)
		if err == nil && slices.Contains(strings.Split(fields[3], ","), name) {
			gids = append(gids, int(gid))
		}
	}
	return gids
}

// onlyFiles reports whether nsswitch.conf sends a database nowhere but to the
// files in /etc. For groups systemd counts as nowhere else: it knows only those
// of accounts that it keeps itself, and they are in no group of the files.
func (d Database) onlyFiles(database string) bool {
	text, err := os.ReadFile(or(d.Nsswitch, "/etc/nsswitch.conf"))
	if err != nil {
		return true
	}
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		name, sources, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		for _, source := range strings.Fields(sources) {
			known := source == "files" || source == "systemd" && database == "group" || strings.HasPrefix(source, "[")
			if !known {
				return false
			}
		}
	}
	return true
}

func ask(ctx context.Context, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.WaitDelay = time.Second
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return output, nil
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
