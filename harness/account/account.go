// Package account is the accounts that exist in every sandbox: who they are, how they
// are written into its account database, and how a program is run as one of them. Both
// commands share it, so it knows neither stage nor cases.
package account

import (
	"fmt"
	"slices"
	"strconv"
)

// Account is one of the accounts that exist in a sandbox.
type Account struct {
	Name     string
	UID, GID int
	Groups   []int // supplementary, its own group left out
	Home     string
	Shell    string
}

// Worker is the name of the account that runs the implementation unless a case says otherwise.
const Worker = "airflow"

// groups are those of the fixture accounts. None has the name of an account that is in it
// alone and another number: nothing that is said of one account follows from another, or
// from its own name.
var groups = map[string]int{
	Worker: 61001, "operators": 61101,
	"bob": 61003, "dags": 61100, "auditors": 61102, "analysts": 61300,
	"guests": 61301, "airflowuser": 61006,
}

// fixtures are the fixture accounts, in the order of their uids. The user ghost has none.
//
// They differ in what a program might guess: only some have their uid as gid, a group of
// their name, one supplementary group, a home below /home, or /bin/sh.
var fixtures = []Account{
	fixture(61001, Worker, "/home/airflow", "/bin/sh", Worker, "operators"),
	fixture(61002, "alice", "/home/alice", "/bin/bash", "analysts", "dags", "auditors"),
	fixture(61003, "bob", "/home/bob", "/bin/sh", "bob", "dags"),
	fixture(61004, "carol", "/srv/people/c/carol", "/bin/dash", "guests"),
	fixture(61005, "randomuser", "/home/randomuser", "/bin/sh", "dags"),
	fixture(61006, "airflowuser", "/home/airflowuser", "/bin/sh", "airflowuser"),
}

func fixture(uid int, name, home, shell, group string, more ...string) Account {
	a := Account{Name: name, UID: uid, GID: groups[group], Home: home, Shell: shell}
	for _, name := range more {
		a.Groups = append(a.Groups, groups[name])
	}
	return a
}

// Root is the account root.
func Root() Account { return Account{Name: "root", Home: "/root", Shell: "/bin/sh"} }

// SecondRoot is an account by the name of toor that has the uid of root.
func SecondRoot() Account {
	return Account{Name: "toor", Home: "/srv/people/t/toor", Shell: "/bin/dash"}
}

// everyone is all accounts that the harness writes into the database beside root.
func everyone() []Account { return append(slices.Clone(fixtures), SecondRoot()) }

// Names returns the names of root and of the fixture accounts, in the order of their uids.
func Names() []string {
	names := []string{Root().Name}
	for _, a := range fixtures {
		names = append(names, a.Name)
	}
	return names
}

// ByUID returns the names of the fixture accounts by uid, root not among them.
func ByUID() map[int]string {
	uids := map[int]string{}
	for _, a := range fixtures {
		uids[a.UID] = a.Name
	}
	return uids
}

// Named is a uid with the name of its account, where it has one: "uid 61002 (alice)".
func Named(uid int) string {
	name, known := ByUID()[uid]
	if uid == 0 {
		name, known = Root().Name, true
	}
	if !known {
		name = "no account of the sandbox"
	}
	return fmt.Sprintf("uid %d (%s)", uid, name)
}

// Find returns a fixture account, root, its second name, or one made up for a bare uid,
// which then has no entry anywhere. It is an error if name is none of these.
func Find(name string) (Account, error) {
	for _, a := range append(everyone(), Root()) {
		if a.Name == name {
			return a, nil
		}
	}
	if uid, err := strconv.Atoi(name); err == nil && uid > 0 {
		return Account{UID: uid, GID: uid, Home: "/"}, nil
	}
	return Account{}, fmt.Errorf("no account %q in the sandbox", name)
}
