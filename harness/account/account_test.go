package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheFilesOfTheDatabaseAgree(t *testing.T) {
	files := databaseFiles()
	for _, a := range everyone() {
		for _, path := range []string{"/etc/passwd", "/etc/shadow"} {
			if !strings.Contains(files[path].text, "\n"+a.Name+":") {
				t.Errorf("%s has no entry for %s", path, a.Name)
			}
		}
		for _, gid := range append([]int{a.GID}, a.Groups...) {
			if !strings.Contains(files["/etc/group"].text, fmt.Sprintf(":x:%d:", gid)) {
				t.Errorf("group %d of %s does not exist", gid, a.Name)
			}
		}
	}
	for _, line := range []string{
		"\nalice:x:61002:61300::/home/alice:/bin/bash\n", "\ncarol:x:61004:61301::/srv/people/c/carol:/bin/dash\n", "\ntoor:x:0:0::",
	} {
		if !strings.Contains(files["/etc/passwd"].text, line) {
			t.Errorf("no line %q in\n%s", line, files["/etc/passwd"].text)
		}
	}
	for _, line := range []string{"\nauditors:x:61102:alice\n", "\ndags:x:61100:alice,bob\n", "\noperators:x:61101:airflow\n", "\nguests:x:61301:\n"} {
		if !strings.Contains(files["/etc/group"].text, line) {
			t.Errorf("no line %q in\n%s", line, files["/etc/group"].text)
		}
	}
	if strings.Contains(files["/etc/passwd"].text, "ghost") {
		t.Error("ghost exists")
	}
}

// What a program could guess of an account from its name, from its uid or from another
// account is wrong for one of them.
func TestNothingOfAnAccountCanBeGuessed(t *testing.T) {
	guesses := map[string]func(Account) bool{
		"the gid is the uid":                  func(a Account) bool { return a.GID == a.UID },
		"a home is below /home":               func(a Account) bool { return a.Home == "/home/"+a.Name },
		"each shell is /bin/sh":               func(a Account) bool { return a.Shell == "/bin/sh" },
		"each shell is sh or bash":            func(a Account) bool { return a.Shell == "/bin/sh" || a.Shell == "/bin/bash" },
		"no supplementary group":              func(a Account) bool { return len(a.Groups) == 0 },
		"one supplementary group at the most": func(a Account) bool { return len(a.Groups) <= 1 },
		"the own group has the own name":      func(a Account) bool { return groups[a.Name] == a.GID },
		"who is in dags is so by a list":      func(a Account) bool { return a.GID != groups["dags"] },
		"who is not root has another uid":     func(a Account) bool { return a.UID != 0 },
	}
	for guess, holds := range guesses {
		if !slices.ContainsFunc(everyone(), func(a Account) bool { return !holds(a) }) {
			t.Errorf("holds of all accounts: %s", guess)
		}
	}
}

func TestABareUIDIsAnAccountWithoutName(t *testing.T) {
	got, err := Find("62001")
	if diff := cmp.Diff(Account{UID: 62001, GID: 62001, Home: "/"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, name := range []string{"ghost", "", "-1", "0"} {
		if a, err := Find(name); err == nil {
			t.Errorf("%q is %+v", name, a)
		}
	}
}

func TestEachNameIsFoundRootFirst(t *testing.T) {
	names, uids := Names(), ByUID()
	if a, err := Find("toor"); err != nil || a.UID != 0 || slices.Contains(names, "toor") || uids[0] != "" {
		t.Errorf("toor is %+v, %v", a, err)
	}
	if len(names) != len(uids)+1 || names[0] != "root" {
		t.Errorf("names %q, uids %v", names, uids)
	}
	for i, name := range names {
		a, err := Find(name)
		if err != nil || a.Name != name || i > 0 && (uids[a.UID] != name || a.UID != 61000+i) {
			t.Errorf("%s is %+v, %v", name, a, err)
		}
	}
}

func TestAUIDIsNamedWhereItHasAName(t *testing.T) {
	for uid, want := range map[int]string{0: "uid 0 (root)", 61002: "uid 61002 (alice)", 7: "uid 7 (no account of the sandbox)"} {
		if got := Named(uid); got != want {
			t.Errorf("%d is %q, want %q", uid, got, want)
		}
	}
}
