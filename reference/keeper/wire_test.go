package keeper

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestRequestsArriveAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.String(), func(s string) string { return strings.ReplaceAll(s, "\x00", "") })
		in := Request{
			Argv: rapid.SliceOfN(text, 1, 9).Draw(t, "argv"),
			Env:  rapid.SliceOf(text).Draw(t, "env"),
		}
		if rapid.Bool().Draw(t, "switches") {
			id := rapid.Uint32()
			in.Credential = &syscall.Credential{Uid: id.Draw(t, "uid"), Gid: id.Draw(t, "gid"), Groups: rapid.SliceOf(id).Draw(t, "groups")}
		}
		b, err := in.Append([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := parse(b[len("before")+headerSize:])
		if diff := cmp.Diff(in, out, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestRequestsThatCannotTravel(t *testing.T) {
	for name, r := range map[string]Request{
		"zero byte in an argument": {Argv: []string{"a\x00b"}},
		"zero byte in a variable":  {Argv: []string{"a"}, Env: []string{"A=\x00"}},
		"too long":                 {Argv: []string{"a"}, Env: []string{strings.Repeat("x", MaxRequest)}},
	} {
		if _, err := r.Append(nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range []Request{{Argv: []string{"/bin/true", ""}, Env: []string{"A=b"}}, {Argv: []string{"x"}, Credential: &syscall.Credential{Uid: 1, Groups: []uint32{2}}}} {
		b, err := r.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[headerSize:])
	}
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		again, err := r.Append(nil)
		if err != nil || string(again[headerSize:]) != string(b) {
			t.Errorf("%x became %x, %v", b, again[headerSize:], err)
		}
	})
}

func TestReportsArriveAsTheyWere(t *testing.T) {
	for _, in := range []Report{{Started, 4711}, {Failed, uint32(syscall.ENOENT)}, {Exited, 0x7f00}, {Kind: Empty}} {
		b := in.Append(nil)
		if out := ParseReport(b); out != in || len(b) != ReportSize {
			t.Errorf("%+v became %+v, %d bytes", in, out, len(b))
		}
	}
}
