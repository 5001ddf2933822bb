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

// DagsGroup is the group that alice and bob share.
const DagsGroup = 61100

const firstUID = 61001

// Worker is the name of the account that runs the implementation unless a case says otherwise.
const Worker = "airflow"

// names are those of the fixture accounts, in the order of their uids. The user ghost has none.
var names = []string{Worker, "alice", "bob", "carol", "randomuser", "airflowuser"}

var fixtures = func() map[string]Account {
	accounts := map[string]Account{}
	for i, name := range names {
		a := Account{Name: name, UID: firstUID + i, GID: firstUID + i, Home: "/home/" + name, Shell: "/bin/sh"}
		if name == "alice" || name == "bob" {
			a.Groups = []int{DagsGroup}
		}
		accounts[name] = a
	}
	return accounts
}()

// Root is the account root.
func Root() Account { return Account{Name: "root", Home: "/root", Shell: "/bin/sh"} }

// Names returns the names of root and of the fixture accounts, in the order of their uids.
func Names() []string { return slices.Concat([]string{Root().Name}, names) }

// ByUID returns the names of the fixture accounts by uid, root not among them.
func ByUID() map[int]string {
	uids := map[int]string{}
	for name, a := range fixtures {
		uids[a.UID] = name
	}
	return uids
}

// Find returns a fixture account, root, or one made up for a bare uid, which then has
// no entry anywhere. It is an error if name is none of these.
func Find(name string) (Account, error) {
	if name == "root" {
		return Root(), nil
	}
	if a, ok := fixtures[name]; ok {
		return a, nil
	}
	if uid, err := strconv.Atoi(name); err == nil && uid > 0 {
		return Account{UID: uid, GID: uid, Home: "/"}, nil
	}
	return Account{}, fmt.Errorf("no account %q in the sandbox", name)
}
