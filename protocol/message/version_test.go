package message

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/release"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

// others are objects of releases that have another name here.
var others = map[string][]string{"ArgBinding": {"LiteralArgBinding", "XComArgBinding"}}

// differ lists where a struct is meant to differ from a release, and why.
var differ = map[string]string{
	"3.3 DagRunAssetReference.start_date is written as null, and the release takes string:date-time": "a run that has not started has none; 3.4 says so too",
}

// The structs are held against what releases say of themselves, and every release
// against the structs.
func TestStructsAreWhatReleasesSpeak(t *testing.T) {
	used := map[string]bool{}
	for _, r := range spoken.All() {
		complain := func(format string, args ...any) {
			what := r.Airflow.Minor() + " " + fmt.Sprintf(format, args...)
			if used[what] = true; differ[what] == "" {
				t.Error(what)
			}
		}
		seen := map[string]bool{}
		for d, names := range map[Direction][]string{ToSupervisor: r.Frames.Requests, ToRunner: r.Frames.Responses} {
			if diff := cmp.Diff(names, TypesAt(d, r.Airflow)); diff != "" {
				t.Errorf("%s, %v (-release +code):\n%s", r.Airflow, d, diff)
			}
			for _, name := range TypesAt(d, r.Airflow) {
				each(d.registry().find([]byte(name)).typ(), r.Airflow, func(of reflect.Type) { compare(of, r, seen, complain) })
			}
		}
		for name := range r.Frames.Objects {
			if !seen[name] {
				t.Errorf("%s has %s, and no struct is like it", r.Airflow, name)
			}
		}
	}
	for what := range differ {
		if !used[what] {
			t.Errorf("differ says that %s, which is not so: remove it", what)
		}
	}
}

// compare holds one struct against the object of its name.
func compare(of reflect.Type, r *spoken.Release, seen map[string]bool, complain func(format string, args ...any)) {
	names := others[of.Name()]
	if names == nil {
		names = []string{of.Name()}
	}
	all := spoken.Object{Fields: spoken.Fields{Required: map[string]spoken.Type{}, Optional: map[string]spoken.Type{}}}
	for _, name := range names {
		object, there := r.Frames.Objects[name]
		if !there {
			complain("%s: the release has no such object", of.Name())
			return
		}
		seen[name] = true
		for field, type_ := range object.Required {
			all.Required[field] = type_
		}
		for field, type_ := range object.Optional {
			all.Optional[field] = type_
		}
	}
	plan := planOf(of)
	known := map[string]bool{}
	for _, f := range plan.fields {
		field := of.Field(f.index)
		if later(field.Tag.Get("since"), r.Airflow) {
			continue
		}
		known[f.name] = true
		type_, required, there := all.Field(f.name)
		required = required && len(names) == 1 // what every one of several requires
		pointer := field.Type.Kind() == reflect.Pointer || field.Type == reflect.TypeFor[NullString]()
		nullable := f.nullable || field.Type == reflect.TypeFor[NullString]()
		what := of.Name() + "." + f.name
		switch {
		case !there:
			complain("%s: the release has no such field", what)
		case required && f.omit != nil && field.Type != reflect.TypeFor[NullString]():
			complain("%s may be left out, and the release requires it", what)
		case !required && f.required && len(names) == 1:
			complain("%s is required, and the release may leave it out", what)
		case pointer && f.omit == nil && !type_.Nullable():
			complain("%s is written as null, and the release takes %s", what, type_)
		case type_.Nullable() && !nullable:
			complain("%s is never null here, and the release has %s", what, type_)
		}
	}
	for _, fields := range []map[string]spoken.Type{all.Required, all.Optional} {
		for name := range fields {
			if !known[name] {
				complain("%s.%s: the struct has no such field", of.Name(), name)
			}
		}
	}
}

// each visits a struct and those that it is made of at the release.
func each(of reflect.Type, v release.Version, visit func(reflect.Type)) {
	if ownMethods(of) && reflect.PointerTo(of).Implements(customType) {
		return
	}
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		each(of.Elem(), v, visit)
	case reflect.Struct:
		visit(of)
		for i := range of.NumField() {
			if f := of.Field(i); f.IsExported() && !later(f.Tag.Get("since"), v) {
				each(f.Type, v, visit)
			}
		}
	}
}

func TestAtVersionLeavesOutWhatCameLater(t *testing.T) {
	old, newer := release.MustParse("3.3.2"), release.MustParse("3.4.0b2")
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]Direction{ToSupervisor, ToRunner}).Draw(t, "direction")
		name := rapid.SampledFrom(TypesAt(d, old)).Draw(t, "type")
		body := drawer{}.body(t, d, name)
		before := write(t, body)
		for _, v := range []release.Version{old, newer} {
			got, err := AtVersion(body, v)
			if err != nil {
				t.Fatal(err)
			}
			if later := laterIn(reflect.ValueOf(got).Elem(), v, name); len(later) > 0 {
				t.Fatalf("at %s there is still %q", v, later)
			}
			if v == newer && write(t, got) != before && slices.Contains(TypesAt(d, newer), name) {
				t.Fatalf("nothing came after %s, and something is gone", v)
			}
			again, err := AtVersion(got, v)
			if err != nil || write(t, again) != write(t, got) {
				t.Fatalf("a second time gives another message: %v", err)
			}
		}
		if write(t, body) != before {
			t.Fatal("the message itself was changed")
		}
	})
}

// write is the message as it is written.
func write(t *rapid.T, body Body) string {
	dst, err := appendBody(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return string(dst)
}

// laterIn names the fields of a value that came after the release and are there.
func laterIn(value reflect.Value, v release.Version, path string) (found []string) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			found = laterIn(value.Elem(), v, path)
		}
	case reflect.Slice:
		for i := range value.Len() {
			found = append(found, laterIn(value.Index(i), v, path+"[]")...)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			f := value.Type().Field(i)
			if later(f.Tag.Get("since"), v) && !value.Field(i).IsZero() {
				found = append(found, path+"."+f.Name)
			}
			found = append(found, laterIn(value.Field(i), v, path+"."+f.Name)...)
		}
	}
	return found
}

func TestAMessageThatAReleaseDoesNotHaveIsAnError(t *testing.T) {
	for _, c := range []struct {
		body    Body
		version string
		there   bool
	}{
		{&SetExecutionTimeout{TimeoutSeconds: 1}, "3.3.2", false},
		{&SetExecutionTimeout{TimeoutSeconds: 1}, "3.4.0b2", true},
		{&UpdateDagRunNote{TIID: "u"}, "3.3.2", false},
		{&GetNumberXComs{Key: "k"}, "3.2.2", true},
		{&GetNumberXComs{Key: "k"}, "3.3.0", false},
		{&XComLengthResponse{Len: 1}, "3.4.0", false},
	} {
		_, err := AtVersion(c.body, release.MustParse(c.version))
		var other *OtherReleaseError
		if is := errors.As(err, &other); is == c.there || is && (other.Type != c.body.MessageType() || other.Release.String() != c.version) {
			t.Errorf("%s at %s: %v", c.body.MessageType(), c.version, err)
		}
	}
}

func TestLaterFieldsBehindPointersAndInListsAreLeftOut(t *testing.T) {
	region := "018f"
	body := &PreviousTIResult{TaskInstance: &PreviousTIResponse{TaskID: "t", RegionID: &region}}
	got, err := AtVersion(body, release.MustParse("3.3"))
	want := &PreviousTIResult{TaskInstance: &PreviousTIResponse{TaskID: "t"}}
	if diff := cmp.Diff(Body(want), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if body.TaskInstance.RegionID == nil {
		t.Error("the message itself was changed")
	}
}

func TestKeysAreThoseOfTheBodyKnownOrNot(t *testing.T) {
	for payload, want := range map[string][]string{
		"\x93\x00\x82\xa4type\xa6GetDag\xa6dag_id\xa1d\xc0":            {"type", "dag_id"},
		"\x92\x00\x83\xa4type\xa1X\xa5other\x81\xa1k\x01\xa5other\xc0": {"type", "other", "other"},
		"\x94\x00\x81\xa4type\xa1X\x81\xa1a\xa1b\xc0":                  {"type"},
		"\x93\x00\xc0\xc0":                  nil, // no body
		"\x93\x00\xa1x\xc0":                 nil, // no map
		"\x91\x00":                          nil,
		"\x93\x00\x82\xa4type\xa1X\x05\x05": nil, // cut
		"\x92\x00\x82\xa4type\xa1X\x05\x05": nil, // a key that is no text
		"":                                  nil,
		"\xc1":                              nil,
	} {
		if got := Keys([]byte(payload)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", payload, got, want)
		}
	}
}
