package implementation

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Words that are replaced, without their braces; docs/contract.md says by what.
var (
	always    = []string{"bin", "implementation"} // in the version command as well
	everyRole = []string{"user", "home", "log_dir", "bundle_root", "config"}
)

// roles says, for each, how the stage can speak in it, and which words it has beside
// those of every role: words, and those that mean something for one task only. Where
// there are such, a server can be handed tasks.
var roles = map[role.Role]struct{ channels, words, ofTask []string }{
	role.Runner:     {[]string{"fd0"}, nil, nil},
	role.Supervisor: {[]string{"http"}, []string{"api_url", "runner"}, []string{"workload"}},
	role.Worker:     {[]string{"http"}, []string{"api_url"}, []string{"workload"}},
}

// serveDir is a folder of the server's own.
const serveDir = "serve_dir"

// Words returns what is replaced in argv of a role, and what in serve and env, without
// braces. What is there for many tasks has no words of one.
func (l Launch) Words(r role.Role) (argv, shared []string) {
	shared = slices.Concat(always, everyRole, roles[r].words)
	if len(l.Serve) > 0 {
		shared = append(shared, serveDir)
		return slices.Concat(shared, roles[r].ofTask), shared
	}
	all := slices.Concat(shared, roles[r].ofTask)
	return all, all
}

// puppet is what a supervisor under test has to start.
const puppet = "{runner}"

// mentions reports whether a word stands in argv, serve or env.
func (l Launch) mentions(word string) bool {
	in := func(text string) bool { return strings.Contains(text, word) }
	return slices.ContainsFunc(slices.Concat(l.Argv, l.Serve), in) || slices.ContainsFunc(slices.Collect(maps.Values(l.Env)), in)
}

var template = regexp.MustCompile(`\{([a-z_]+)\}`)

// check finds what a schema cannot say: files that are not there, templates that nobody replaces,
// durations that are none.
func (m Manifest) check(places *places) []Problem {
	c := &checker{m: m, places: places}
	c.file([]string{"probe"}, m.Probe)
	c.file([]string{"sandbox", "provision"}, m.Sandbox.Provision)
	for i, name := range m.Sandbox.Files {
		c.file([]string{"sandbox", "files", fmt.Sprint(i)}, name)
	}
	c.file([]string{"sandbox", "dockerfile"}, m.Sandbox.Dockerfile)
	c.file([]string{"expectations"}, m.Expectations)
	c.argv([]string{"version"}, m.Version, always)
	c.airflow(m.Airflow)
	for _, r := range m.Plays() {
		c.launch(r, m.Roles[r])
	}
	for _, capability := range m.Capabilities {
		if _, both := m.Lacks[capability]; both {
			c.found([]string{"lacks", capability}, "stands under capabilities too", "keep it in one of the two")
		}
	}
	switch {
	case m.Has("umask") && m.Umask == "":
		c.found([]string{"capabilities"}, "umask stands there, and no key umask names its setting", "add umask: section.key")
	case m.Umask != "" && !m.Has("umask"):
		c.found([]string{"umask"}, "capability umask is not declared", "add umask to capabilities")
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return a.Line - b.Line })
	return c.problems
}

type checker struct {
	m        Manifest
	places   *places
	problems []Problem
}

func (c *checker) found(path []string, what, remedy string) {
	c.problems = append(c.problems, Problem{Line: c.places.line(path...), Where: dotted(path...), What: what, Remedy: remedy})
}

// file wants a regular file below the manifest's folder; an absent optional name is "".
func (c *checker) file(path []string, name string) {
	if name == "" {
		return
	}
	if !filepath.IsLocal(name) {
		c.found(path, fmt.Sprintf("%q leads out of the manifest's folder", name), "move the file beside the manifest: only its folder is copied into sandboxes")
		return
	}
	info, err := os.Stat(filepath.Join(c.m.Dir, name))
	switch {
	case err != nil:
		c.found(path, fmt.Sprintf("file %s: %s", name, reason(err)), "create it in "+c.m.Dir+" or correct the name")
	case !info.Mode().IsRegular():
		c.found(path, name+" is "+safefile.Kind(info.Mode())+", not a file", "name a file in "+c.m.Dir)
	}
}

func (c *checker) argv(path []string, argv, words []string) {
	if argv[0] == "" {
		c.found(path, "the command is empty", "begin the list with a program")
	}
	for i, text := range argv {
		c.templates(append(slices.Clone(path), fmt.Sprint(i)), text, words)
	}
}

func (c *checker) templates(path []string, text string, words []string) {
	for _, found := range template.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(words, found[1]) {
			c.found(path, "nothing replaces "+found[0], "use one of {"+strings.Join(words, "}, {")+"}")
		}
	}
}

func (c *checker) launch(as role.Role, how Launch) {
	at := func(steps ...string) []string { return append([]string{"roles", string(as)}, steps...) }
	words, shared := how.Words(as)
	c.argv(at("argv"), how.Argv, words)
	if len(how.Serve) > 0 {
		c.argv(at("serve"), how.Serve, shared)
		if len(roles[as].ofTask) == 0 {
			c.found(at("serve"), fmt.Sprintf("a %s is started for each task", as), "remove serve, or move it to another role")
		}
	}
	if as == role.Supervisor && !how.mentions(puppet) {
		c.found(at("argv"), "names no "+puppet+", so that the supervisor would start a runner of its own", "tell it to start "+puppet+" in place of its runner, in argv, serve or env")
	}
	for _, variable := range slices.Sorted(maps.Keys(how.Env)) {
		c.templates(at("env", variable), how.Env[variable], shared)
	}
	if allowed := roles[as].channels; !slices.Contains(allowed, how.Channel) {
		c.found(at("channel"), fmt.Sprintf("a %s does not speak %s", as, how.Channel), "use "+strings.Join(allowed, " or "))
	}
	if how.StartTimeout == "" {
		return
	}
	if d, err := time.ParseDuration(how.StartTimeout); err != nil || d <= 0 {
		c.found(at("start_timeout"), fmt.Sprintf("%q is no duration above zero", how.StartTimeout), "write for example 20s or 1m30s")
	}
}
