package spoken

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachReleaseIsNewerThanTheOneBefore(t *testing.T) {
	var names []string
	for i, r := range All() {
		names = append(names, r.Airflow.Minor()+" "+r.API.Version)
		if i > 0 && (All()[i-1].API.Version >= r.API.Version || All()[i-1].Airflow.Minor() == r.Airflow.Minor()) {
			t.Errorf("%s does not come after %s", names[i], names[i-1])
		}
		if _, err := files.ReadFile(r.Airflow.Minor() + ".json"); err != nil {
			t.Errorf("%s is in the file of another release: %v", r.Airflow, err)
		}
	}
	if diff := cmp.Diff([]string{"3.3 2026-06-30", "3.4 2026-10-30"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestATypeIsAlternatives(t *testing.T) {
	for text, want := range map[Type][]Type{
		"string":                        {"string"},
		"null|string:date-time":         {"null", "string:date-time"},
		"[LiteralArgBinding|X]|null":    {"[LiteralArgBinding|X]", "null"},
		"[[any]|boolean|null]":          {"[[any]|boolean|null]"},
		"'failed'|'removed'|[integer]|": {"'failed'", "'removed'", "[integer]", ""},
	} {
		if diff := cmp.Diff(want, text.Alternatives()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
	if of, is := Type("[A|B]").Element(); !is || of != "A|B" {
		t.Errorf("elements of a list: %q", of)
	}
	if of, is := Type("[A]|null").Element(); is {
		t.Errorf("a list or null has elements: %q", of)
	}
	if !Type("null|string").Nullable() || !Type("any").Nullable() || Type("[null]|string").Nullable() {
		t.Error("null is not told from what holds it")
	}
}

// basic are types that are no objects.
var basic = []string{"any", "boolean", "integer", "null", "number", "object", "string"}

func TestEveryTypeIsKnown(t *testing.T) {
	for _, r := range All() {
		var known map[string]Object
		var check func(where string, of Type)
		check = func(where string, of Type) {
			for _, one := range of.Alternatives() {
				text := string(one)
				if inside, is := one.Element(); is {
					check(where, inside)
				} else if _, is := known[text]; !is && !slices.Contains(basic, text) &&
					!strings.HasPrefix(text, "string:") && !(len(text) > 2 && text[0] == '\'' && text[len(text)-1] == '\'') {
					t.Errorf("%s, %s: nothing is known of %q", r.Airflow, where, text)
				}
			}
		}
		fields := func(where string, f Fields) {
			for name, of := range f.Required {
				check(where+"."+name, of)
				if _, twice := f.Optional[name]; twice {
					t.Errorf("%s, %s.%s is required and optional", r.Airflow, where, name)
				}
			}
			for name, of := range f.Optional {
				check(where+"."+name, of)
			}
		}
		for _, known = range []map[string]Object{r.Frames.Objects, r.API.Objects} {
			for name, object := range known {
				fields(name, object.Fields)
			}
		}
		for name, operation := range r.API.Operations {
			fields(name, operation.Query)
			for _, of := range []Type{operation.Body, operation.Answer} {
				if of != "" {
					check(name, of)
				}
			}
			if !slices.ContainsFunc(operation.Answers, func(status int) bool { return status < 300 }) {
				t.Errorf("%s, %s never succeeds", r.Airflow, name)
			}
		}
		for _, name := range slices.Concat(r.Frames.Requests, r.Frames.Responses) {
			if _, there := r.Frames.Objects[name]; !there {
				t.Errorf("%s: message %s has no object", r.Airflow, name)
			}
		}
	}
}
