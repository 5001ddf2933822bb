package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheFilesOfTheDatabaseAgree(t *testing.T) {
	files := databaseFiles()
	for name, a := range fixtures {
		for _, path := range []string{"/etc/passwd", "/etc/shadow", "/etc/group"} {
			if !strings.Contains(files[path].text, "\n"+name+":") {
				t.Errorf("%s has no entry for %s", path, name)
			}
		}
		if (len(a.Groups) > 0) != (name == "alice" || name == "bob") {
			t.Errorf("%s has groups %v", name, a.Groups)
		}
	}
	if strings.Contains(files["/etc/passwd"].text, "ghost") {
		t.Error("ghost exists")
	}
	uids := map[int]bool{}
	for _, a := range fixtures {
		uids[a.UID] = true
	}
	if len(uids) != 6 || !uids[61001] || !uids[61006] {
		t.Errorf("uids %v", uids)
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
	if len(names) != len(uids)+1 || names[0] != "root" {
		t.Errorf("names %q, uids %v", names, uids)
	}
	for i, name := range names {
		a, err := Find(name)
		if err != nil || a.Name != name || i > 0 && (uids[a.UID] != name || a.UID != firstUID+i-1) {
			t.Errorf("%s is %+v, %v", name, a, err)
		}
	}
}
