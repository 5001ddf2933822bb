package sandbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTranscriptTellsLinesAndKeepsTheEnd(t *testing.T) {
	var log bytes.Buffer
	var told []string
	transcript := NewTranscript(&log, func(line string) { told = append(told, line) })
	want := []string{"first", "with a carriage return", "", strings.Repeat("x", 3*lineLimit)}
	text := "first\nwith a carriage return\r\n\n" + want[3] + "\n"
	for i := range 40 {
		want = append(want, fmt.Sprintf("line %d", i))
		text += want[len(want)-1] + "\n"
	}
	text += "without an end"
	for _, chunk := range []string{text[:10], text[10:11], text[11:]} { // lines arrive in pieces
		if _, err := transcript.Write([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if log.String() != text {
		t.Error("the log is not what was written")
	}
	last := transcript.Last()
	if !strings.HasPrefix(last, "    line 15\n") || !strings.HasSuffix(last, "    line 39\n    without an end") {
		t.Errorf("last words:\n%s", last)
	}
}

// What fills the log's disk is the host's.
func TestTranscriptBoundsTheLogAndKeepsTheEnd(t *testing.T) {
	var log bytes.Buffer
	transcript := NewTranscript(&log, func(string) {})
	const limit = 1000
	if transcript.room != LogLimit {
		t.Errorf("room for %d octets", transcript.room)
	}
	transcript.room = limit
	chunk := bytes.Repeat([]byte("y\n"), 150)
	for range 10 {
		if n, err := transcript.Write(chunk); n != len(chunk) || err != nil {
			t.Fatalf("%d octets, %v", n, err)
		}
	}
	if _, err := transcript.Write([]byte("it failed\n")); err != nil {
		t.Fatal(err)
	}
	want := "y\n" + leftOut
	if got := log.String(); len(got) != limit+len(leftOut) || !strings.HasSuffix(got, want) || strings.Count(got, leftOut) != 1 {
		t.Errorf("the log has %d octets and ends with %q", len(got), got[max(0, len(got)-100):])
	}
	if last := transcript.Last(); !strings.HasSuffix(last, "    y\n    it failed\n    ") {
		t.Errorf("last words:\n%s", last)
	}
}

func TestTranscriptCutsALineThatDoesNotEnd(t *testing.T) {
	var longest int
	transcript := NewTranscript(new(bytes.Buffer), func(line string) { longest = max(longest, len(line)) })
	for range 10 {
		if _, err := transcript.Write(bytes.Repeat([]byte("x"), lineLimit/2+1)); err != nil {
			t.Fatal(err)
		}
	}
	if longest == 0 || longest > 2*lineLimit || len(transcript.Last()) > 2*lineLimit*lastLines {
		t.Errorf("longest line %d octets, want something of at most %d", longest, 2*lineLimit)
	}
}
