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
