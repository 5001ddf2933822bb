package coordinator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/message"
)

func example() Manifest {
	return Manifest{
		SDK:    SDK{Language: "go", Version: "0.1.0", Schema: message.Schema20260616},
		Source: "example.go",
		Dags:   map[string]DagInfo{"etl": {Tasks: []string{"extract", "load"}}},
	}
}

func packed(t testing.TB, executable, source string, m Manifest) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pack(&b, strings.NewReader(executable), []byte(source), m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLayout spells a bundle out octet by octet, as the specification does.
func TestLayout(t *testing.T) {
	binaryPart, source := "\x7fELF and so on", "package main\n"
	manifest := `airflow_bundle_metadata_version: "1.0"
sdk:
    language: go
    version: 0.1.0
    supervisor_schema_version: "2026-06-16"
source: example.go
dags:
    etl:
        tasks:
            - extract
            - load
`
	digest := sha256.Sum256([]byte(binaryPart))
	want := binaryPart + source + manifest +
		string(binary.LittleEndian.AppendUint32(nil, uint32(len(source)))) +
		string(binary.LittleEndian.AppendUint32(nil, uint32(len(manifest)))) +
		"\x01\x00\x00\x00" + string(digest[:]) + strings.Repeat("\x00", 12) + "AFBNDL01"
	if diff := cmp.Diff(want, string(packed(t, binaryPart, source, example()))); diff != "" {
		t.Error(diff)
	}
}

func TestFooterRefuses(t *testing.T) {
	good := packed(t, "binary", "source", example())
	at := func(offset int, text string) []byte {
		b := bytes.Clone(good)
		copy(b[len(b)-FooterSize+offset:], text)
		return b
	}
	for _, c := range []struct {
		name  string
		file  []byte
		want  string
		other bool // it is no bundle at all
	}{
		{"empty", nil, "shorter than 64 bytes", true},
		{"short", good[len(good)-63:], "shorter than 64 bytes", true},
		{"no magic", at(offMagic, "AFBNDL02"), "does not end in AFBNDL01", true},
		{"longer than it was", append(bytes.Clone(good), 0), "does not end in AFBNDL01", true},
		{"version 0", at(offVersion, "\x00"), "version 0, known is 1", false},
		{"version 2", at(offVersion, "\x02"), "version 2, known is 1", false},
		{"big-endian version", at(offVersion, "\x00\x00\x00\x01"), "version 16777216", false},
		{"first reserved byte", at(offReserved, "\x01"), "reserved bytes that are not zero", false},
		{"last reserved byte", at(offMagic-1, "\x01"), "reserved bytes that are not zero", false},
		{"source before the file", at(offSource, "\xff\xff\xff\xff"), "announces 4294967295 bytes of source", false},
		{"manifest before the file", at(offMetadata, "\xff\xff\xff\xff"), "4294967295 of manifest", false},
		{"both together before the file", at(offSource, "\xff\xff\xff\xff\xff\xff\xff\xff"), "announces", false},
		{"nothing but a footer", good[len(good)-FooterSize:], "announces", false},
		{"no binary", good[len("binary"):], "no byte for the executable", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadFooter(bytes.NewReader(c.file), int64(len(c.file)))
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNoBundle) != c.other {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := ReadFooter(bytes.NewReader(good[1:]), int64(len(good))); err == nil {
		t.Error("a file that is cut while it is read is accepted")
	}
}

func TestManifest(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Manifest
		err        string
	}{
		{name: "as the specification has it", text: "airflow_bundle_metadata_version: \"1.0\"\nsdk: {language: go, version: \"1\", supervisor_schema_version: '2026-06-16'}\nsource: a.go\ndags: {d: {tasks: [t]}}\nmore: {}\n",
			want: Manifest{Version: "1.0", SDK: SDK{"go", "1", "2026-06-16"}, Source: "a.go", Dags: map[string]DagInfo{"d": {Tasks: []string{"t"}}}}},
		{name: "Dags without tasks", text: "dags: {a: , b: [1], c: {tasks: {}}, d: {tasks: [1, t]}}",
			want: Manifest{Dags: map[string]DagInfo{"a": {}, "b": {}, "c": {}, "d": {Tasks: []string{"t"}}}}},
		{name: "date without quotes", text: "sdk: {supervisor_schema_version: 2026-06-16}", want: Manifest{SDK: SDK{Schema: "2026-06-16"}, Dags: map[string]DagInfo{}}},
		{name: "empty", text: "", want: Manifest{Dags: map[string]DagInfo{}}},
		{name: "list", text: "- 1", err: "cannot"},
		{name: "not YAML", text: "{", err: "read bundle manifest"},
		{name: "twice", text: "dags: {a: {}, a: {}}", err: "read bundle manifest"},
		{name: "not UTF-8", text: "source: \xff", err: "not UTF-8"},
		{name: "bomb", text: bomb(), err: "read bundle manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseManifest([]byte(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	long := Footer{FooterStart: maxManifest + 1}
	if _, err := long.ReadManifest(bytes.NewReader(nil)); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a manifest of any length is read: %v", err)
	}
}

// bomb is YAML that grows a thousand times with each line.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := range 9 {
		b.WriteString("a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat("*a"+string(rune('0'+i))+", ", 1000) + "]\n")
	}
	return b.String() + "dags: {d: *a9}\n"
}

// TestPackedIsRead is the law that a bundle gives back what it was made of.
func TestPackedIsRead(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Z0-9_:#' .\-]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		executable := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "executable")
		source := rapid.SliceOf(rapid.Byte()).Draw(t, "source")
		m := Manifest{
			Version: SpecVersion,
			SDK:     SDK{text.Draw(t, "language"), text.Draw(t, "version"), rapid.SampledFrom([]string{"", message.Schema20260616, message.Schema20261030}).Draw(t, "schema")},
			Source:  text.Draw(t, "file"),
			Dags:    map[string]DagInfo{"d": {}},
		}
		for id, tasks := range rapid.MapOfN(text, rapid.SliceOfN(text, 1, 4), 0, 4).Draw(t, "dags") {
			m.Dags[id] = DagInfo{Tasks: tasks}
		}
		var b bytes.Buffer
		if err := Pack(&b, bytes.NewReader(executable), source, m); err != nil {
			t.Fatal(err)
		}
		f, err := ReadFooter(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.ReadManifest(bytes.NewReader(b.Bytes()))
		if diff := cmp.Diff(m, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		if !bytes.Equal(b.Bytes()[:f.SourceStart], executable) || !bytes.Equal(b.Bytes()[f.SourceStart:f.MetadataStart], source) || sha256.Sum256(executable) != f.Digest {
			t.Fatal("regions are not where they were put")
		}
	})
}

func TestPackRefuses(t *testing.T) {
	for _, c := range []struct {
		name, executable string
		manifest         Manifest
		want             string
	}{
		{"no executable", "", example(), "executable is empty"},
		{"no Dag", "x", Manifest{}, "names no Dag"},
		{"unknown schema", "x", Manifest{SDK: SDK{Schema: "2027-01-01"}, Dags: example().Dags}, `"2027-01-01"`},
		{"long manifest", "x", Manifest{Source: strings.Repeat("x", maxManifest), Dags: example().Dags}, "longer than"},
	} {
		err := Pack(new(bytes.Buffer), strings.NewReader(c.executable), nil, c.manifest)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// FuzzBundle: whatever a file holds, reading it ends, without a panic, in regions
// that lie within the file, or in an error.
func FuzzBundle(f *testing.F) {
	f.Add(packed(f, "binary", "source", example()))
	f.Add(packed(f, "b", "", Manifest{Dags: map[string]DagInfo{"": {}}}))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		footer, err := ReadFooter(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if !(0 < footer.SourceStart && footer.SourceStart <= footer.MetadataStart && footer.MetadataStart <= footer.FooterStart && footer.FooterStart == int64(len(file))-FooterSize) {
			t.Fatalf("regions %+v of %d bytes", footer, len(file))
		}
		if m, err := footer.ReadManifest(bytes.NewReader(file)); err == nil {
			_, _ = m.schema()
		}
	})
}

// FuzzTable: no line of a table of connections is taken for something else.
func FuzzTable(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		wanted := map[pair]bool{{far: address("127.0.0.1:8080"), near: address("127.0.0.1:50000")}: true}
		found := map[pair]endpoint{}
		_ = scanTable(bytes.NewReader(table), wanted, found)
		for p, end := range found {
			if !wanted[p] || end.uid < 0 && !bytes.Contains(table, []byte("-")) {
				t.Fatalf("found %v: %+v", p, end)
			}
		}
	})
}
