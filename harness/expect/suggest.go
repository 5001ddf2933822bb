package expect

import (
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// suggested bounds the text that a suggested pattern quotes, in runes.
const suggested = 100

// Suggest writes an entry for an unexpected end of a case, ready to be pasted
// below the others. Its reason is one that Read refuses until a person has
// written a better one.
func Suggest(c plan.Case, o journal.Observation) string {
	e := Entry{Case: c.ID, Role: c.Role, Actual: ChangeMe, Reason: ChangeMe, Cause: Implementation}
	if o.Outcome != journal.Violated {
		e.Outcome = o.Outcome
		e.Cause = Gap
	}
	for _, candidate := range []string{o.Actual, o.Says, o.Expected} {
		if line := firstLine(candidate); line != "" {
			e.Actual = pattern(line)
			break
		}
	}
	body, err := yaml.Dump([]Entry{e}, yaml.WithLineWidth(-1))
	if err != nil {
		panic(err) // strings only: cannot fail
	}
	return string(body)
}

// firstLine returns the first line with something printable in it, shortened.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if strings.ContainsFunc(line, printable) {
			if runes := []rune(line); len(runes) > suggested {
				line = string(runes[:suggested])
				if at := strings.LastIndexByte(line, ' '); at > 0 {
					line = line[:at]
				}
			}
			return line
		}
	}
	return ""
}

func printable(r rune) bool { return unicode.IsPrint(r) && r != ' ' && r != unicode.ReplacementChar }

// varying is what differs from run to run: pids and measured times.
var varying = regexp.MustCompile(`\bpid \d+|\d+(\.\d+)? ?(ms|s)\b`)

// pattern quotes the line as a regular expression, leaves open what varies, and
// what YAML or an editor would not carry unchanged.
func pattern(line string) string {
	var p strings.Builder
	rest := line
	for _, at := range varying.FindAllStringIndex(line, -1) {
		p.WriteString(quote(line[len(line)-len(rest) : at[0]]))
		p.WriteString(digits.ReplaceAllString(regexp.QuoteMeta(line[at[0]:at[1]]), `[\d.]+`))
		rest = line[at[1]:]
	}
	p.WriteString(quote(rest))
	return p.String()
}

var digits = regexp.MustCompile(`\d+(\\\.\d+)?`)

func quote(s string) string {
	var q strings.Builder
	for _, r := range s {
		if r == ' ' || printable(r) {
			q.WriteString(regexp.QuoteMeta(string(r)))
		} else {
			q.WriteString(`[\s\S]`)
		}
	}
	return q.String()
}
