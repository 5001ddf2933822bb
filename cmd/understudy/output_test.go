package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/understudy-conformance/understudy/harness/run"
)

// hostile is a name that would do something on a terminal: colour, bell, a title, text
// from right to left, nothing to be seen, C1 and DEL, an octet that is no UTF-8.
const hostile = "\x1b[31mRED\a\x1b]0;title\a\u202etxt\u200b\u2066\ufeff\u009b1m\x7f\r\xffend"

// hidden finds something in an output that has no shape of its own, or is no UTF-8.
func hidden(output string) (where string, found bool) {
	for i, r := range output {
		if _, width := utf8.DecodeRuneInString(output[i:]); r == utf8.RuneError && width == 1 || r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			return output[max(0, i-20):min(len(output), i+20)], true
		}
	}
	return "", false
}

// hostileLines are command lines, by command, in which each name that comes from
// elsewhere is hostile; they end in errors and in success.
func hostileLines(t *testing.T) map[string][][]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), hostile)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const yaml = `"\e[31mRED\a\u202Etxt\u200B\u009B\x7F"`
	manifest := write("good/implementation.yaml", strings.NewReplacer("NAME", yaml).Replace(`schema: 1
name: NAME
slug: hostile
version: [cat, NAME]
probe: probe.py
sandbox: {root: trixie, provision: provision.sh}
roles:
  runner: {argv: ["{bin}/x", NAME], channel: fd0, switch: runner}
capabilities: [concurrent-requests]
lacks: {git-bundles: NAME}
`))
	write("good/provision.sh", "#!/bin/sh\n")
	write("good/probe.py", "")
	bad := write("bad/implementation.yaml", "schema: 1\n"+yaml+": 1\n")
	known := write("known.yaml", "- {case: x, actual: y, reason: r, cause: "+yaml+"}\n")
	write("journal/events.jsonl", `{"kind":"run-start","t":"2026-11-26T00:00:00Z","run_start":{"schema":2,"identity":{"run_id":"x","suite":"\u001b[31m","commit":"\u202e","catalogue":"\u200b","implementation":"\u001b[31m\u202e","version":"\u009b","manifest":"\u001b","roles":["runner","\u001b"],"sandbox":"\u001b","command":["\u001b"],"planned":["\u001b[31m\u202e/x/y"]}}}
{"kind":"case-start","t":"2026-11-26T00:00:01Z","case":"\u001b[31m\u202e/x/y","sandbox":1,"case_start":{"says":"\u001b[31m\u202e"}}
{"kind":"check","t":"2026-11-26T00:00:02Z","case":"\u001b[31m\u202e/x/y","check":{"requirement":"\u001b","clause":"\u001b","what":"\u001b[31m\u202e","actual":"\u200b\u001b","where":"\u001b"}}
{"kind":"case-end","t":"2026-11-26T00:00:02Z","case":"\u001b[31m\u202e/x/y","case_end":{"outcome":"violated","says":"\u001b"}}
`)
	return map[string][][]string{
		"":           {{hostile}, {"--" + hostile}, {"-" + hostile}},
		"help":       {{"help", hostile}},
		"check":      {{"check", manifest}, {"check", bad}, {"check", filepath.Join(dir, "absent")}, {"check", hostile, hostile}, {"check", "--" + hostile}},
		"list":       {{"list", "--filter", hostile}, {"list", "--role", hostile}, {"list", "--profile", hostile}, {"list", "--requirements", "--filter", hostile}, {"list", hostile}},
		"explain":    {{"explain", hostile}, {"explain", "IMP-001" + hostile}},
		"report":     {{"report", filepath.Join(dir, "journal")}, {"report", filepath.Join(dir, "absent")}, {"report", "--expect", known, filepath.Join(dir, "journal")}, {"report", "--profile", hostile, dir}, {"report", "--out", manifest, filepath.Join(dir, "journal")}},
		"selftest":   {{"selftest", hostile}, {"selftest", "--procs", hostile}},
		"clean":      {{"clean"}, {"clean", "--cache"}, {"clean", hostile}},
		"version":    {{"version", hostile}},
		"completion": {{"completion", hostile}, {"completion", "bash", hostile}},
		"run": {
			{"run", "--implementation", filepath.Join(dir, "absent")}, {"run", "--implementation", bad}, {"run", "--sandbox", hostile}, {"run", "--filter", hostile},
			{"run", "--implementation", manifest, "--role", "worker"}, {"run", "--implementation", manifest, "--expect", known}, {"run", "--procs", hostile}, {"run", hostile},
		},
		"shell": {
			{"shell", "--implementation", filepath.Join(dir, "absent")}, {"shell", "--implementation", bad}, {"shell", "--user", hostile}, {"shell", "--bring", filepath.Join(dir, "absent")},
			{"shell", "--sandbox", hostile}, {"shell", "--" + hostile},
		},
	}
}

func TestNoCommandShowsWhatIsNoText(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"+hostile))
	t.Setenv("DOCKER_HOST", noEngine(t.TempDir()))
	lines := hostileLines(t)
	root := rootCommand()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		if len(lines[command.Name()]) == 0 {
			t.Errorf("command %s: no line with hostile names is tried", command.Name())
		}
	}
	said := ""
	for command, all := range lines {
		for _, args := range all {
			var out, problems bytes.Buffer
			code := execute(args, &out, &problems)
			for name, output := range map[string]string{"standard output": out.String(), "standard error": problems.String()} {
				if where, found := hidden(output); found {
					t.Errorf("%q: exit %d: %s holds %q", args, code, name, where)
				}
				said += output
			}
			if out.Len()+problems.Len() == 0 {
				t.Errorf("%s %q says nothing", command, args)
			}
		}
	}
	for _, want := range []string{`\x1b[31mRED`, `\u202e`, `\u200b`, "the manifest can be used", "exit 4", "no container engine answers", "removed from the cache"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing says %s: the test proves little\n%s", want, said)
		}
	}
}

// What others left beside the reports is no text, either, before it is shown or stored.
func TestNoFolderShowsWhatIsNoText(t *testing.T) {
	f := opened(t, filepath.Join(t.TempDir(), "report"))
	begun(t, f).keep(1, "\x1b[2J"+hostile)
	stored := content(t, f.Path(run.DiagnosticsName(1)))
	put(t, f.Path(lockFile), "process 7"+hostile+"\n")
	_, err := openFolder(f.Path(""), "--out") // the lock is held by f
	if err == nil {
		t.Fatal("a folder that is in use was opened")
	}
	for name, text := range map[string]string{"the log of a sandbox": stored, "the error": err.Error()} {
		if where, found := hidden(text); found || !strings.Contains(text, `\x1b[31mRED`) {
			t.Errorf("%s holds %q: %q", name, where, text)
		}
	}
	if text := err.Error(); strings.Contains(text, `\n`) || !strings.Contains(text, "end: wait for it") {
		t.Errorf("the line break of the lock is shown: %s", text)
	}
}

// Output is made visible at one place, execute. Who goes round it is named here, with the reason.
func TestOutputGoesThroughOneWriter(t *testing.T) {
	permitted := map[string][]string{
		"main":       {"Stdout", "Stderr"}, // hands both to execute
		"raw":        {"Raw"},
		"newConsole": {"raw"}, // moves the cursor, and makes visible all that it is given itself
		"execIn":     {"raw"}, // passes on the octets of the sandbox as they are
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(n ast.Node) bool {
				name := ""
				switch use := n.(type) {
				case *ast.SelectorExpr:
					if use.Sel.Name == "Fd" {
						return false // asks what it is, and writes nothing
					}
					on, _ := use.X.(*ast.Ident)
					if use.Sel.Name == "Raw" || on != nil && (on.Name == "os" && strings.HasPrefix(use.Sel.Name, "Std") && use.Sel.Name != "Stdin" || on.Name == "fmt" && strings.HasPrefix(use.Sel.Name, "Print")) {
						name = use.Sel.Name
					}
				case *ast.CallExpr:
					if called, ok := use.Fun.(*ast.Ident); ok && (called.Name == "raw" || called.Name == "print" || called.Name == "println") {
						name = called.Name
					}
				}
				if name != "" && !slices.Contains(permitted[function.Name.Name], name) {
					t.Errorf("%s: %s uses %s: write to cmd.OutOrStdout() or cmd.ErrOrStderr()", file, function.Name.Name, name)
				}
				return true
			})
		}
	}
}
