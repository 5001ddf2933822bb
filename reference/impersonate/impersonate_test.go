package impersonate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// accounts writes a small database of its own.
func accounts(t *testing.T) Database {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return Database{
		Passwd: write("passwd", strings.Join([]string{
			"root:x:0:0:root:/root:/bin/bash",
			"toor:x:0:0::/root:/bin/sh",
			"# a comment: with: many: colons: in: it: x",
			"broken:x:1",
			"nouid:x:abc:1::/:/bin/sh",
			"alice:x:61002:61002:Alice,,,:/home/alice:/bin/bash",
			"bob:x:61003:61003::/home/bob:",
			"again:x:61002:61002::/home/again:/bin/sh",
			"+@netgroup::::::",
			"61002:x:61009:61009::/home/digits:/bin/sh",
		}, "\n")+"\n"),
		Group: write("group", "root:x:0:\nalice:x:61002:\ndags:x:61100:alice,bob\nother:x:61101:alicex,xalice\nbroken\nbad:x:abc:alice\n"),
		// Only files, so that the machine's own accounts stay out.
		Nsswitch: write("nsswitch.conf", "# passwd: ldap\npasswd: files\ngroup:  files [NOTFOUND=return] systemd # x\n"),
	}
}

func TestLookup(t *testing.T) {
	d := accounts(t)
	ctx := context.Background()
	alice := Account{Name: "alice", UID: 61002, GID: 61002, Groups: []int{61002, 61100}, Home: "/home/alice", Shell: "/bin/bash"}
	bob := Account{Name: "bob", UID: 61003, GID: 61003, Groups: []int{61003, 61100}, Home: "/home/bob", Shell: "/bin/sh"}
	digits := Account{Name: "61002", UID: 61009, GID: 61009, Groups: []int{61009}, Home: "/home/digits", Shell: "/bin/sh"}
	for name, want := range map[string]Account{"alice": alice, "bob": bob, "61002": digits} {
		got, err := d.Lookup(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got, err := d.LookupUID(ctx, 61002); err != nil || got.Name != "alice" {
		t.Errorf("uid of two accounts: got %v, %v, want the first", got, err)
	}
	for _, name := range []string{"ghost", "broken", "nouid", "Alice", "0", "61003"} {
		_, err := d.Lookup(ctx, name)
		var unknown *UnknownUserError
		if !errors.As(err, &unknown) || unknown.User != name {
			t.Errorf("%s: got %v, want *UnknownUserError", name, err)
		}
	}
	var unknown *UnknownUserError
	if _, err := d.LookupUID(ctx, 61999); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "61999") {
		t.Errorf("uid 61999: got %v, want *UnknownUserError", err)
	}
}

// TestAsksTheDirectoryServiceToo puts a getent and an id first in PATH.
func TestAsksTheDirectoryServiceToo(t *testing.T) {
	d := accounts(t)
	if err := os.WriteFile(d.Nsswitch, []byte("passwd: files sss\ngroup: files sss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script("getent", `[ "$1 $2" = "passwd --" ] || exit 9
case "$3" in
carol|62001) echo 'carol:*:62001:62000:Carol:/net/carol:/bin/zsh' ;;
down) exit 1 ;;
*) exit 2 ;;
esac`)
	script("id", `[ "$1 $2" = "-G --" ] || exit 9
[ "$3" = carol ] && echo 62000 62500 || echo 61002 62500`)
	t.Setenv("PATH", bin)
	ctx := context.Background()

	carol := Account{Name: "carol", UID: 62001, GID: 62000, Groups: []int{62000, 62500}, Home: "/net/carol", Shell: "/bin/zsh"}
	got, err := d.Lookup(ctx, "carol")
	if diff := cmp.Diff(carol, got); err != nil || diff != "" {
		t.Errorf("by name: %v, (-want +got):\n%s", err, diff)
	}
	got, err = d.LookupUID(ctx, 62001)
	if diff := cmp.Diff(carol, got); err != nil || diff != "" {
		t.Errorf("by uid: %v, (-want +got):\n%s", err, diff)
	}
	if got, err := d.Lookup(ctx, "alice"); err != nil || !slices.Contains(got.Groups, 62500) {
		t.Errorf("groups from the service are missing: %v, %v", got, err)
	}
	var unknown *UnknownUserError
	if _, err := d.Lookup(ctx, "ghost"); !errors.As(err, &unknown) {
		t.Errorf("ghost: got %v, want *UnknownUserError", err)
	}
	if _, err := d.Lookup(ctx, "62001"); !errors.As(err, &unknown) {
		t.Errorf("a name of digits was taken for a uid: %v", err)
	}
	if _, err := d.Lookup(ctx, "down"); err == nil || errors.As(err, &unknown) {
		t.Errorf("a service that fails: got %v, want an error that is not *UnknownUserError", err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"alice", "a", "svc-etl_1", "DOMAIN\\user name", "u@realm", "jürgen", "12345", "user$"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "-s", "--help", "#0", "#61002", "+group", "%group", "alice ", " alice", "alice\n", "a\nb", "a\x00b", "a\x7fb",
		"a:b", "a/b", "a,b", "\tx", "\xff", strings.Repeat("a", 257),
	} {
		err := CheckName(name)
		var refused *NameError
		if !errors.As(err, &refused) {
			t.Errorf("%q: got %v, want *NameError", name, err)
		}
		if _, err := Lookup(context.Background(), name); !errors.As(err, &refused) {
			t.Errorf("Lookup %q: got %v, want *NameError", name, err)
		}
	}
}

func TestEffective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task, def := rapid.String().Draw(t, "task"), rapid.String().Draw(t, "default")
		got := Effective(task, def)
		switch {
		case task != "" && got != task:
			t.Fatalf("the task's user %q lost against %q", task, got)
		case task == "" && got != def:
			t.Fatalf("without a task's user got %q, want the default %q", got, def)
		}
	})
}

func TestResolve(t *testing.T) {
	d := accounts(t)
	tests := []struct {
		says     string
		euid     int
		user     string
		policy   Policy
		switches bool
		fails    error
	}{
		{"no user, no switch", 61001, "", Policy{}, false, nil},
		{"no user as a uid without entry", 61999, "", Policy{}, false, nil},
		{"own user", 61002, "alice", Policy{}, false, nil},
		{"another name of the own uid", 61002, "again", Policy{}, false, nil},
		{"other user", 61003, "alice", Policy{}, true, nil},
		{"other user as root", 0, "alice", Policy{}, true, nil},
		{"root is refused", 61003, "root", Policy{}, false, ErrRootRefused},
		{"root if allowed", 61003, "root", Policy{AllowRoot: true}, true, nil},
		{"root is refused to root", 0, "root", Policy{}, false, ErrRootRefused},
		{"root to root if allowed", 0, "root", Policy{AllowRoot: true}, false, nil},
		{"a second name of root is refused", 61003, "toor", Policy{}, false, ErrRootRefused},
	}
	for _, test := range tests {
		t.Run(test.says, func(t *testing.T) {
			// What the environment claims has no say.
			t.Setenv("LOGNAME", "alice")
			t.Setenv("USER", "alice")
			t.Setenv("_AIRFLOW__REEXECUTED_PROCESS", "1")
			target, switches, err := resolve(context.Background(), d, test.euid, test.user, test.policy)
			if !errors.Is(err, test.fails) {
				t.Fatalf("got error %v, want %v", err, test.fails)
			}
			if err != nil && !strings.Contains(err.Error(), `"`+test.user+`"`) {
				t.Errorf("%q does not name the user", err)
			}
			if switches != test.switches {
				t.Errorf("switches = %v, want %v", switches, test.switches)
			}
			if err == nil && test.user != "" && target.Name != test.user {
				t.Errorf("target is %v", target)
			}
		})
	}
	var unknown *UnknownUserError
	if _, _, err := resolve(context.Background(), d, 0, "ghost", Policy{}); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("ghost: got %v", err)
	}
}

func TestAllowedIsAList(t *testing.T) {
	env := []string{
		"LANG=C.UTF-8", "LC_TIME=de_DE", "TZ=UTC", "PYTHONPATH=/lib", "SITE_PROXY=p",
		"KRB5CCNAME=/tmp/krb5cc_61001", "AIRFLOW__CORE__FERNET_KEY=k", "AIRFLOW_CONN_DB=x", "AWS_SECRET_ACCESS_KEY=y",
		"_AIRFLOW__REEXECUTED_PROCESS=1", "_AIRFLOW__STARTUP_MSG={}", "PATH=/evil", "HOME=/home/airflow", "BASH_ENV=/x", "broken",
	}
	if diff := cmp.Diff([]string{"LANG=C.UTF-8", "LC_TIME=de_DE", "TZ=UTC", "PYTHONPATH=/lib"}, Allowed(env)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Allowed(env, "SITE_PROXY"); !slices.Contains(got, "SITE_PROXY=p") {
		t.Errorf("extra name is missing in %v", got)
	}
}

func TestEnvironmentIsTheTargets(t *testing.T) {
	target := Account{Name: "alice", UID: 61002, Home: "/home/alice", Shell: "/bin/zsh"}
	got := Environment(target, []string{"HOME=/home/airflow", "PATH=/evil", "LANG=C"})
	want := []string{"HOME=/home/alice", "LOGNAME=alice", "MAIL=/var/mail/alice", "PATH=" + Path, "SHELL=/bin/zsh", "USER=alice", "LANG=C"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommand(t *testing.T) {
	target := Account{Name: "alice", UID: 61002, GID: 61002, Groups: []int{61002, 61100}}
	argv := []string{"/bin/runner", "-n"}
	if os.Geteuid() == 0 {
		got, credential, err := Command(target, argv)
		if err != nil || !slices.Equal(got, argv) || credential.Uid != 61002 || credential.Gid != 61002 || !slices.Equal(credential.Groups, []uint32{61002, 61100}) {
			t.Errorf("as root: %v, %+v, %v", got, credential, err)
		}
		return
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if _, _, err := Command(target, argv); err == nil || !strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("without sudo: %v names not both user and sudo", err)
	}
	sudo := filepath.Join(bin, "sudo")
	if err := os.WriteFile(sudo, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, credential, err := Command(target, argv)
	want := []string{sudo, "-n", "-H", "-u", "alice", "--", "/bin/runner", "-n"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || credential != nil {
		t.Errorf("%v, %v (-want +got):\n%s", err, credential, diff)
	}
}

// TestADatabaseThatFailsIsNoUnknownUser holds the difference that decides whether a task
// is failed for good or the worker is repaired.
func TestADatabaseThatFailsIsNoUnknownUser(t *testing.T) {
	directory := t.TempDir() // reading one fails for root, too
	service := func(id string) func(*testing.T, *Database) {
		return func(t *testing.T, d *Database) {
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\n"+id+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.Nsswitch, []byte("group: files ldap\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
		}
	}
	for _, test := range []struct {
		says string
		hurt func(*testing.T, *Database)
		want string
	}{
		{"passwd unreadable", func(_ *testing.T, d *Database) { d.Passwd = directory }, "is a directory"},
		{"group unreadable", func(_ *testing.T, d *Database) { d.Group = directory }, "groups of user alice"},
		{"id fails", service("exit 1"), "id -G -- alice"},
		{"id is not there", func(t *testing.T, d *Database) { service("")(t, d); t.Setenv("PATH", directory) }, "id -G -- alice"},
		{"id prints names", service("echo 61002 dags"), `"dags"`},
	} {
		t.Run(test.says, func(t *testing.T) {
			d := accounts(t)
			test.hurt(t, &d)
			for how, look := range map[string]func() error{
				"by name": func() error { _, err := d.Lookup(t.Context(), "alice"); return err },
				"by uid":  func() error { _, err := d.LookupUID(t.Context(), 61002); return err },
			} {
				err := look()
				var unknown *UnknownUserError
				if err == nil || errors.As(err, &unknown) {
					t.Fatalf("%s: got %v, want an error that is not *UnknownUserError", how, err)
				}
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v lacks %q", how, err, test.want)
				}
			}
		})
	}
}

// TestFilesAloneAreEnough holds that neither a missing nsswitch.conf nor a missing group
// file asks a service, or fails: containers have neither.
func TestFilesAloneAreEnough(t *testing.T) {
	d := accounts(t)
	t.Setenv("PATH", t.TempDir()) // no getent, no id
	for _, path := range []string{d.Nsswitch, d.Group} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	alice, err := d.Lookup(t.Context(), "alice")
	if err != nil || !slices.Equal(alice.Groups, []int{61002}) {
		t.Errorf("got %+v, %v", alice, err)
	}
	var unknown *UnknownUserError
	if _, err := d.Lookup(t.Context(), "ghost"); !errors.As(err, &unknown) {
		t.Errorf("ghost: got %v, want *UnknownUserError", err)
	}
}

func TestAServiceThatAnswersNonsenseKnowsNobody(t *testing.T) {
	d := accounts(t)
	if err := os.WriteFile(d.Nsswitch, []byte("passwd: files ldap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "getent"), []byte("#!/bin/sh\necho 'carol:*:x:y::/:/bin/sh'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	var unknown *UnknownUserError
	if _, err := d.Lookup(t.Context(), "carol"); !errors.As(err, &unknown) || unknown.User != "carol" {
		t.Errorf("got %v, want *UnknownUserError for carol", err)
	}
}

func TestRefusedNameIsShownQuoted(t *testing.T) {
	err := CheckName("-u\x1b[2J")
	if err == nil || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), `"-u\x1b[2J"`) || !strings.Contains(err.Error(), "option") {
		t.Errorf("got %q", err)
	}
}

func TestSudoIsFoundByAbsolutePathOnly(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(bin)
	t.Setenv("PATH", ".")
	if path, err := FindSudo(); err == nil {
		t.Errorf("a sudo of the working directory was taken: %s", path)
	}
	t.Setenv("PATH", bin)
	if path, err := FindSudo(); err != nil || path != filepath.Join(bin, "sudo") {
		t.Errorf("got %s, %v", path, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := FindSudo(); err == nil || !strings.Contains(err.Error(), "not root and has no sudo") {
		t.Errorf("without sudo: got %v", err)
	}
}
