package logs

import (
	"os"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestRecordsInRecordsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		log  string
		want string
	}{
		"plain records":           {`{"event":"hello"}` + "\n" + `{"event":"a {brace}"}` + "\n{}\nno record\n", ""},
		"a record in a record":    {`{"event":"{\"event\":\"hello\"}"}`, `{"event":"hello"}`},
		"a record after a prefix": {`{"event":"[info] {\"event\":\"hello\",\"level\":\"info\"}"}`, `[info] {"event":"hello","level":"info"}`},
		"JSON of the task's own":  {`{"event":"{\"rows\": 3}"}`, ""},
	} {
		if got := strings.Join(wrapped(test.log), "|"); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRecordsThatOccurTwiceAreFound(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"different records":           {"{\"timestamp\":1}\n{\"timestamp\":2}\n", ""},
		"a record again":              {"{\"timestamp\":1}\nx\n{\"timestamp\":1}\n", "{\"timestamp\":1}\n"},
		"a line without a time again": {"x\nx\n{\"timestamp\":1}\n", ""},
	} {
		if got := strings.Join(repeated(test.log), "|"); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAFIFOTellsWhatWasWrittenIntoIt(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
		path := s.Path("a-fifo")
		written := fifo(s, path, 0o666)
		s.Require("IMP-004").Equal("nobody wrote", written(), "")
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		s.Must(err)
		defer file.Close()
		s.Require("IMP-004").Equal("somebody holds it", written(), "")
		_, err = file.WriteString("a line")
		s.Must(err)
		s.Require("IMP-004").Equal("somebody wrote", written(), "a line")
	}})
	th.Require(t, o, journal.Held)
}
