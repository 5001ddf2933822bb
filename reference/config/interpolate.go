package config

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

const (
	// maxDepth is how deep %(name)s may nest; configparser's own bound.
	maxDepth = 10
	// maxExpansions bounds the repeated expansion of variables whose values
	// name further variables. Airflow has no bound and would not come back.
	maxExpansions = 16
	// maxValue is the largest value, in bytes, that may come of it.
	maxValue = 1 << 20
)

// interpolate replaces %(name)s by another option of the same section or of
// [DEFAULT], and %% by %.
func (s sections) interpolate(section, value string, depth int) (string, error) {
	if !strings.Contains(value, "%") {
		return value, nil
	}
	if depth >= maxDepth {
		return "", fmt.Errorf("interpolation is nested deeper than %d", maxDepth)
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(value, '%')
		if at < 0 {
			out.WriteString(value)
			return out.String(), nil
		}
		out.WriteString(value[:at])
		value = value[at+1:]
		switch {
		case strings.HasPrefix(value, "%"):
			out.WriteByte('%')
			value = value[1:]
		case strings.HasPrefix(value, "("):
			name, rest, ok := strings.Cut(value[1:], ")s")
			if !ok || strings.Contains(name, ")") {
				return "", fmt.Errorf("bad interpolation %q", "%"+value)
			}
			inner, ok := s.raw(section, strings.ToLower(name))
			if !ok {
				return "", fmt.Errorf("interpolation of %%(%s)s: no such option", name)
			}
			inner, err := s.interpolate(section, inner, depth+1)
			if err != nil {
				return "", err
			}
			out.WriteString(inner)
			value = rest
		default:
			return "", fmt.Errorf("'%%' must be followed by '%%' or '(', found %q", "%"+value)
		}
		if out.Len() > maxValue {
			return "", fmt.Errorf("interpolation makes a value longer than %d bytes", maxValue)
		}
	}
}

var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$(?:(\w+)|\{([^}]*)\})`) })

// expand replaces $NAME and ${NAME} by variables of the environment and a
// leading ~ by the home directory, again and again until nothing changes.
// Unknown names stay as they are.
func expand(value string, environ map[string]string) string {
	for range maxExpansions {
		next := value
		if strings.Contains(value, "$") {
			next = variable().ReplaceAllStringFunc(value, func(match string) string {
				name := strings.Trim(match, "${}")
				if text, ok := environ[name]; ok {
					return text
				}
				return match
			})
		}
		if home := environ["HOME"]; home != "" && (next == "~" || strings.HasPrefix(next, "~/")) {
			next = strings.TrimRight(home, "/") + next[1:]
		}
		if next == value || len(next) > maxValue {
			break
		}
		value = next
	}
	return value
}
