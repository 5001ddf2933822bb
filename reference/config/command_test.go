package config

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestQuotedWordsComeBack holds the law of splitCommand: whatever a word holds, each
// way to quote it gives it back.
func TestQuotedWordsComeBack(t *testing.T) {
	quote := map[string]func(string) string{
		"single": func(w string) string { return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'" },
		"double": func(w string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"` },
		"backslash": func(w string) string {
			var b strings.Builder
			for i := range len(w) {
				b.WriteString(`\` + w[i:i+1])
			}
			return b.String()
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[ab \t\n'"\\$]{1,6}`), 1, 5).Draw(t, "words")
		var line strings.Builder
		for _, word := range words {
			way := rapid.SampledFrom([]string{"single", "double", "backslash"}).Draw(t, "way")
			line.WriteString(quote[way](word))
			line.WriteString(rapid.StringMatching(`[ \t\n]{1,3}`).Draw(t, "blanks"))
		}
		got, err := splitCommand(line.String())
		if diff := cmp.Diff(words, got); err != nil || diff != "" {
			t.Fatalf("%q: %v (-want +got):\n%s", line.String(), err, diff)
		}
	})
}

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string][]string{
		"":                    nil,
		" \t\n":               nil,
		"  vault  read x ":    {"vault", "read", "x"},
		`a'b c'"d e"\ f`:      {"ab cd e f"},
		`'' ""`:               {"", ""},
		`"a\b\"\\$HOME" '\'`:  {`a\b"\$HOME`, `\`},
		"$HOME `id` > x # y*": {"$HOME", "`id`", ">", "x", "#", "y*"},
	} {
		got, err := splitCommand(line)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", line, err, diff)
		}
	}
	for line, why := range map[string]string{`a "b`: "double quote", `a "b\"`: "double quote", `a 'b`: "single quote", `a \`: "backslash"} {
		if got, err := splitCommand(line); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %q, %v, want an error about the %s", line, got, err, why)
		}
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	c := load(t, "", "AIRFLOW__CORE__FERNET_KEY_CMD=false")
	_, _, err := c.Lookup("core", "fernet_key")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("a command that fails: %v does not hold its exit code", err)
	}
	c = load(t, "", "AIRFLOW__CORE__FERNET_KEY_CMD=/nowhere/vault")
	if _, _, err := c.Lookup("core", "fernet_key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a command that is not there: got %v", err)
	}
	c = load(t, "", "AIRFLOW__CORE__FERNET_KEY_CMD= ")
	if _, _, err := c.Lookup("core", "fernet_key"); err == nil || !strings.Contains(err.Error(), "empty command") {
		t.Errorf("a command of blanks: got %v", err)
	}
	for name, get := range map[string]func(section, key string) error{
		"Int":     func(s, k string) error { _, err := c.Int(s, k); return err },
		"Seconds": func(s, k string) error { _, err := c.Seconds(s, k); return err },
		"Bool":    func(s, k string) error { _, err := c.Bool(s, k); return err },
		"Mode":    func(s, k string) error { _, err := c.Mode(s, k); return err },
	} {
		if err := get("core", "no_such_option"); !errors.Is(err, ErrUnset) {
			t.Errorf("%s of an option that nobody set: got %v, want ErrUnset", name, err)
		}
	}

	dir := t.TempDir() // a directory cannot be read by root either
	_, err = Load([]string{"AIRFLOW_CONFIG=" + dir, "HOME=/home/x"})
	var unreadable *UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Path != dir || !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a directory as file: got %v, want *UnreadableError with its cause", err)
	}
}

func TestSyntaxErrorNamesTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "airflow.cfg")
	_, err := parse(path, "[core]\na = 1\nno option\n")
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Line != 3 || !strings.HasPrefix(err.Error(), path+":3: ") || !strings.Contains(err.Error(), `"no option"`) {
		t.Errorf("got %v", err)
	}
}

// TestInterpolationStaysBounded has seven options of which each names the one before
// twenty times: written out they would be 128 MB.
func TestInterpolationStaysBounded(t *testing.T) {
	file := "[core]\nv0 = 0123456789\n"
	for _, level := range []string{"1", "2", "3", "4", "5", "6"} {
		below := string(level[0] - 1)
		file += "v" + level + " = " + strings.Repeat("%(v"+below+")s", 20) + "\n"
	}
	c := load(t, file)
	if got, ok := c.Get("core", "v3"); !ok || len(got) != 80_000 {
		t.Errorf("within the bound: %d bytes, %v", len(got), ok)
	}
	if _, _, err := c.Lookup("core", "v6"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("beyond the bound: got %v", err)
	}
}

func TestOptionsOfTheDefaultSectionTravelToo(t *testing.T) {
	c := load(t, "[DEFAULT]\nregion = eu\n[site]\nproxy = p\nof.three.parts = q\n", "AIRFLOW__ODD=1", "AIRFLOW____X=1", "NO_EQUALS_SIGN")
	all := c.All()
	if all["site.region"] != "eu" || all["site.proxy"] != "p" || all["site.of.three.parts"] != "q" {
		t.Errorf("site.region %q, site.proxy %q, site.of.three.parts %q", all["site.region"], all["site.proxy"], all["site.of.three.parts"])
	}
	for name := range all {
		if o := split(name); o.section == "" || o.key == "" || o.section == "odd" || o.section == "default" {
			t.Errorf("%q is no option", name)
		}
	}
}

func TestModeHoldsPermissionBitsOnly(t *testing.T) {
	c := load(t, "", "AIRFLOW__UNDERSTUDY__UMASK=01777", "AIRFLOW__UNDERSTUDY__OTHER=0o077")
	if _, err := c.Mode("understudy", "umask"); err == nil || !strings.Contains(err.Error(), `"01777"`) {
		t.Errorf("more than permission bits: got %v", err)
	}
	if got, err := c.Mode("understudy", "other"); err != nil || got != 0o077 {
		t.Errorf("0o077: got %o, %v", got, err)
	}
}
