package impersonate

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Path is the PATH of every impersonated task, whatever the worker's is (IMP-011).
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// allowed are the variables of the worker that a task of another user sees:
// language, time zone, terminal, where libraries and certificates lie. All
// others stay behind, because a list of what is secret is never complete.
var allowed = []string{
	"LANG", "LANGUAGE", "TZ", "TERM",
	"PYTHONPATH", "LD_LIBRARY_PATH", "JAVA_HOME", "GOROOT",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
}

// Allowed returns the entries "NAME=value" of env that may cross a switch: the
// allow-list above, every LC_ variable, and the names in extra, which an
// administrator gives by [understudy] pass_environment. Entries that are not
// UTF-8 stay behind, since they travel in messages.
func Allowed(env []string, extra ...string) []string {
	var kept []string
	for _, entry := range env {
		name, _, ok := strings.Cut(entry, "=")
		if ok && utf8.ValidString(entry) && (slices.Contains(allowed, name) || slices.Contains(extra, name) || strings.HasPrefix(name, "LC_")) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// Environment returns the whole environment of a task of target: its own login
// variables and PATH, and those of kept that do not contradict them.
func Environment(target Account, kept []string) []string {
	env := []string{
		"HOME=" + target.Home,
		"LOGNAME=" + target.Name,
		"MAIL=/var/mail/" + target.Name,
		"PATH=" + Path,
		"SHELL=" + target.Shell,
		"USER=" + target.Name,
	}
	own := len(env)
	for _, entry := range kept {
		name, _, ok := strings.Cut(entry, "=")
		fixed := slices.ContainsFunc(env[:own], func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if ok && !fixed {
			env = append(env, entry)
		}
	}
	return env
}
