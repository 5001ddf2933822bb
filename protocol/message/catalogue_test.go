package message

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// The catalogue is the wire format: a change of it has to be seen.
func TestCatalogue(t *testing.T) {
	var b strings.Builder
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		fmt.Fprintf(&b, "%v (%d)\n", d, len(Types(d)))
		for _, name := range Types(d) {
			fmt.Fprintf(&b, "  %s(", name)
			for i, f := range Fields(d, name) {
				if i > 0 {
					b.WriteString(", ")
				}
				b.WriteString(f.Name)
				switch {
				case f.Required && f.Nullable:
					b.WriteString(" present")
				case !f.Required && f.Nullable:
					b.WriteString("?")
				case !f.Required:
					b.WriteString(" fixed")
				}
			}
			b.WriteString(")\n")
		}
	}
	golden := filepath.Join("testdata", "catalogue.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run with -update if this is meant (-golden +code):\n%s", diff)
	}
}

func TestAllMessagesOfTheProtocolAreThere(t *testing.T) {
	for d, want := range map[Direction]int{ToSupervisor: 58, ToRunner: 31} {
		if got := len(Types(d)); got != want {
			t.Errorf("%v: %d messages, want %d", d, got, want)
		}
	}
}

func TestStructsAreNamedLikeTheirMessages(t *testing.T) {
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		for _, name := range Types(d) {
			body, err := New(d, name)
			if err != nil {
				t.Fatal(err)
			}
			if got := reflect.TypeOf(body).Elem().Name(); got != name || body.MessageType() != name {
				t.Errorf("%s is struct %s and says %s", name, got, body.MessageType())
			}
		}
	}
}

// Names are searched by halves, and plans are made when a type is first used, so
// a fault of either would only show there.
func TestEveryMessageIsFoundAndHasAPlan(t *testing.T) {
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		if !slices.IsSorted(Types(d)) {
			t.Errorf("%v: not sorted: %q", d, Types(d))
		}
		for _, name := range Types(d) {
			t.Run(d.String()+"/"+name, func(t *testing.T) {
				e := d.registry().find([]byte(name))
				if e == nil {
					t.Fatal("not found by its name")
				}
				p := e.plan()
				checkPlan(t, e.typ(), p)
				if e.plan() != p {
					t.Error("the plan is made anew at each use")
				}
			})
		}
	}
}

// checkPlan looks at the plans of a struct and of all that it can hold.
func checkPlan(t *testing.T, of reflect.Type, p *plan) {
	for i, f := range p.fields {
		if at, ok := p.find([]byte(f.name), 0); !ok || at != i {
			t.Errorf("%v: key %q is found at %d", of, f.name, at)
		}
		inner := of.Field(f.index).Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !reflect.PointerTo(inner).Implements(customType) {
			checkPlan(t, inner, planOf(inner))
		}
	}
	if of.NumField() > 0 && len(p.fields) == 0 {
		t.Errorf("%v: no field has a key", of)
	}
}
