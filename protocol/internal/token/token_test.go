package token

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// The lengths that msgp finds are those found here, for every first byte.
func TestReadAgreesWithMsgp(t *testing.T) {
	for first := range 256 {
		b := append([]byte{byte(first)}, bytes.Repeat([]byte{0x01}, 1<<17)...)
		if first == 0xc6 || first == 0xc9 || first == 0xdb || first == 0xdd || first == 0xdf {
			b[1], b[2] = 0, 0 // a length of 32 bits that is there
		}
		rest, err := msgp.Skip(b)
		want := len(b) - len(rest)
		got, fault := Skip(b, MaxDepth)
		if (err == nil) != (fault == nil) || err == nil && got != want {
			t.Errorf("0x%02x: got %d and %v, msgp has %d and %v", first, got, fault, want, err)
		}
	}
}

func TestSkip(t *testing.T) {
	for _, tt := range []struct {
		name  string
		b     string
		depth int
		n     int
		fault string // "" for none
	}{
		{"integer", "\x07\x08", 0, 1, ""},
		{"empty array", "\x90", 1, 1, ""},
		{"empty map in an array", "\x92\x80\x01\xff", 2, 3, ""},
		{"array after an empty one", "\x92\x90\x91\x01\xff", 2, 4, ""},
		{"nested to the limit", "\x91\x91\x01", 2, 3, ""},
		{"nested above the limit", "\x91\x91\x91\x01", 2, 0, "byte 2: more than 2 levels"},
		{"array where none may be", "\x90", 0, 0, "byte 0: more than 0 levels"},
		{"no more than 100 levels", strings.Repeat("\x91", 101) + "\x01", 500, 0, "byte 100: more than 100 levels"},
		{"nothing", "", 1, 0, "byte 0: a value is missing"},
		{"too few elements", "\x92\x01\x91", 2, 0, "byte 2: array of 1 announced, 0 bytes left"},
		{"half a header", "\x91\xcd\x01", 2, 0, "byte 1: integer header: 2 of 3 bytes"},
		{"half a text", "\x91\xa2x", 2, 0, "byte 1: string of 2 bytes announced, 1 left"},
		{"reserved", "\x91\xc1", 2, 0, "byte 1: reserved byte 0xc1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Skip([]byte(tt.b), tt.depth)
			if n != tt.n {
				t.Errorf("got %d bytes, want %d", n, tt.n)
			}
			if fault := err != nil; fault != (tt.fault != "") || fault && err.Error() != tt.fault {
				t.Errorf("got %v, want %s", err, tt.fault)
			}
		})
	}
}

func BenchmarkSkipIntegers(b *testing.B) {
	list := append(msgp.AppendArrayHeader(nil, 1<<20), make([]byte, 1<<20)...)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, err := Skip(list, MaxDepth); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSkipRecords(b *testing.B) {
	list := msgp.AppendArrayHeader(nil, 1<<16)
	for range 1 << 16 {
		list = append(list, "\x83\xa2id\xcd\x12\x34\xa4name\xa6record\xa3opt\xc0"...)
	}
	b.SetBytes(int64(len(list)))
	for b.Loop() {
		if _, err := Skip(list, MaxDepth); err != nil {
			b.Fatal(err)
		}
	}
}

func TestKindOfAgreesWithTheHeader(t *testing.T) {
	long := bytes.Repeat([]byte{0}, 16)
	for first := range 256 {
		if first == 0xc1 {
			continue // starts no value
		}
		b := append([]byte{byte(first)}, long...)
		if t1, err := header(b); err != nil || t1.Kind != KindOf(byte(first)) {
			t.Errorf("0x%02x: header says %v (%v), KindOf %v", first, t1.Kind, err, KindOf(byte(first)))
		}
	}
}

func TestReadTellsWhetherAShorterHeaderExists(t *testing.T) {
	for _, tt := range []struct {
		name, b string
		short   bool
	}{
		{"127 in one byte", "\x7f", true},
		{"127 in two", "\xcc\x7f", false},
		{"128 in two", "\xcc\x80", true},
		{"255 in three", "\xcd\x00\xff", false},
		{"256 in three", "\xcd\x01\x00", true},
		{"65535 in five", "\xce\x00\x00\xff\xff", false},
		{"65536 in five", "\xce\x00\x01\x00\x00", true},
		{"2^32-1 in nine", "\xcf\x00\x00\x00\x00\xff\xff\xff\xff", false},
		{"2^32 in nine", "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", true},
		{"-32 in one", "\xe0", true},
		{"-32 in two", "\xd0\xe0", false},
		{"-33 in two", "\xd0\xdf", true},
		{"-128 in three", "\xd1\xff\x80", false},
		{"-129 in three", "\xd1\xff\x7f", true},
		{"-32768 in five", "\xd2\xff\xff\x80\x00", false},
		{"-32769 in five", "\xd2\xff\xff\x7f\xff", true},
		{"-2^31 in nine", "\xd3\xff\xff\xff\xff\x80\x00\x00\x00", false},
		{"-2^31-1 in nine", "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", true},
		{"5 as a signed byte", "\xd0\x05", false},
		{"text of 31 in two", "\xd9\x1f" + strings.Repeat("x", 31), false},
		{"text of 32 in two", "\xd9\x20" + strings.Repeat("x", 32), true},
		{"array of 15 in three", "\xdc\x00\x0f" + strings.Repeat("\x00", 15), false},
		{"array of 16 in three", "\xdc\x00\x10" + strings.Repeat("\x00", 16), true},
		{"extension of 4 with a length", "\xc7\x04\xff\x00\x00\x00\x00", false},
		{"extension of 12 with a length", "\xc7\x0c\xff" + strings.Repeat("\x00", 12), true},
		{"whole float in nine", "\xcb" + strings.Repeat("\x00", 8), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read([]byte(tt.b))
			if err != nil {
				t.Fatal(err)
			}
			if got.Short != tt.short || got.Len()+got.Values() != len(tt.b) {
				t.Errorf("short %t, %d bytes; want %t, %d", got.Short, got.Len()+got.Values(), tt.short, len(tt.b))
			}
		})
	}
}

func TestCheckWantsOneValue(t *testing.T) {
	for b, want := range map[string]string{
		"\x91\x01": "",
		"\x01\x02": "byte 1: 1 bytes after the value",
		"\x92\x01": "byte 0: array of 2 announced, 1 bytes left",
		"":         "byte 0: a value is missing",
	} {
		err := Check([]byte(b))
		if fault := err != nil; fault != (want != "") || fault && err.Error() != want {
			t.Errorf("%x: got %v, want %q", b, err, want)
		}
	}
}

// Where a value ends is not a matter of opinion: msgp finds the same place, unless
// the value is one of those that are refused here for their depth.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{"", "\xc1", "\x93\x01\x80\xa1x", "\xdd\x00\x00\x00\x02\x01\x02", "\xc7\x0c\xff", strings.Repeat("\x91", 101) + "\x01", "\xdf\xff\xff\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, fault := Skip(b, MaxDepth)
		rest, err := msgp.Skip(b)
		switch {
		case fault == nil && (err != nil || n != len(b)-len(rest)):
			t.Fatalf("%x: %d bytes here, msgp %d and %v", b, n, len(b)-len(rest), err)
		case fault != nil && err == nil && fault.Rule != Depth:
			t.Fatalf("%x: msgp finds %d bytes, here %v", b, len(b)-len(rest), fault)
		case fault != nil && (fault.Offset < 0 || fault.Offset > len(b)):
			t.Fatalf("%x: fault at %d", b, fault.Offset)
		}
	})
}
