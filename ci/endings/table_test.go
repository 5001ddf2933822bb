package endings

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table into docs/design.md")

const (
	page  = "../../docs/design.md"
	begin = "<!-- the table of ci/endings; go test ./ci/endings -update writes it -->\n"
	end   = "<!-- end of the table -->\n"
)

func TestThePageShowsTheTable(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	shown, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+Markdown()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != Markdown() {
		t.Errorf("%s shows another table; -update writes it", page)
	}
}
