package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// First is what the puppet noted of the first frame that it was sent.
func (r *Run) First() puppet.First {
	var first puppet.First
	r.noted(puppet.Startup, &first)
	return first
}

// Noted returns, in canonical form, what the puppet noted last under that name. That
// there is none is a violation: the puppet never came so far.
func (r *Run) Noted(as string) any {
	var value any
	r.noted(as, &value)
	return world.Canonical(value)
}

// Notes lists the names of all that the puppet noted, in order.
func (r *Run) Notes() []string {
	_, names := r.find("")
	return names
}

func (r *Run) noted(as string, into any) {
	c := r.conversation()
	found, names := r.find(as)
	if found == nil {
		r.missing(c, as, names)
	}
	r.stage.Step(fmt.Sprintf("the puppet of %s noted %s: %s", r.Label(), as, found))
	decoder := json.NewDecoder(bytes.NewReader(found))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		r.unreadable(c, fmt.Sprintf("%.200q: %v", found, err))
	}
}

// find returns what was noted last under that name, and the names of all notes.
func (r *Run) find(as string) (found json.RawMessage, names []string) {
	c := r.conversation()
	names = []string{}
	for line := range bytes.Lines(r.notes(c)) {
		var note struct {
			Note  string          `json:"note"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(line, &note); err != nil {
			r.unreadable(c, fmt.Sprintf("%.200q: %v", line, err))
		}
		names = append(names, note.Note)
		if note.Note == as {
			found = note.Value
		}
	}
	return found, names
}

// notes reads the file of notes, to which whatever ran as the user of the task, or as
// the worker account, can have added.
func (r *Run) notes(c *stage.Conversation) []byte {
	text, err := c.Backstage().Folder().Read(below(r.Run.Run, puppet.NotesFile), stage.MaxKept, safefile.Terms{Owners: []int{0}, OneLink: true})
	if err != nil {
		r.unreadable(c, err.Error())
	}
	return text
}

func (r *Run) conversation() *stage.Conversation {
	c, _ := r.stage.door.Of(r.TI().ID) // its own
	return c
}

func (r *Run) missing(c *stage.Conversation, as string, noted []string) {
	c.Violated("the puppet has not noted what it should", fmt.Sprintf("a note %q of the puppet of %s", as, r.Label()),
		fmt.Sprintf("notes: %s; %s", strings.Join(append(noted, "no more"), ", "), c.Saw()))
}

func (r *Run) unreadable(c *stage.Conversation, what string) {
	c.Violated("the notes of the puppet are not as it wrote them", "a file of root with a line of JSON for each note", what)
}
