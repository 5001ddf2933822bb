package puppet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// Command is the name of the program.
const Command = "understudy-puppet"

// NotesFile is the file below barrier_dir to which the puppet adds a line of JSON, a
// Note, for each thing that it notes. It has to be there.
const NotesFile = "notes"

// UserFile is the file below barrier_dir with the name of the user whom the puppet
// becomes before it plays its acts. There is none where it stays who it is.
const UserFile = "user"

// Startup is under what the first frame is noted, as a First.
const Startup = "startup"

// stuck is the exit code of a puppet that cannot go on.
const stuck = 97

// Note is one line of the file of notes.
type Note struct {
	Note  string `json:"note"` // what an act named it, or Startup
	Value any    `json:"value"`
}

// First is what there is to note of the first frame.
type First struct {
	ID     int64  `json:"id"`
	Type   string `json:"type"`
	TI     string `json:"ti"` // the task instance that it names
	DagID  string `json:"dag_id"`
	RunID  string `json:"run_id"`
	TaskID string `json:"task_id"`
}

// part is what a puppet plays, be it from its startup message or, after it became
// another user, from its arguments.
type part struct {
	First First `json:"first"`
	Conf  conf  `json:"conf"`
}

// conf is dag_run.conf.
type conf struct {
	Acts []act  `json:"verbs"`
	Dir  string `json:"barrier_dir"`
}

// puppet is a runner that does what it is told.
type puppet struct {
	part
	*channel.Runner
	log *os.File // the log channel, once an act has asked for it
}

const usage = `understudy-puppet plays a task runner inside a sandbox of understudy. A supervisor under
test starts it, with a socket as descriptor 0; it is of no use by itself.
`

// Main is the whole of understudy-puppet. It returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Fprint(stdout, usage)
		return 0
	case len(args) > 0 && (len(args) != 2 || args[0] != resume):
		fmt.Fprintf(stderr, "%s: cannot make sense of the arguments %q\n%s", Command, args, usage)
		return 2
	}
	code, err := play(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", Command, err)
		return stuck
	}
	return code
}

func play(args []string) (code int, err error) {
	runner, err := channel.Open(0)
	if err != nil {
		return 0, err
	}
	p := &puppet{Runner: runner}
	if len(args) == 2 {
		if err := json.Unmarshal([]byte(args[1]), &p.part); err != nil {
			return 0, fmt.Errorf("read what to play as another user: %w", err)
		}
		return p.act()
	}
	if p.part, err = begin(runner); err != nil {
		return 0, err
	}
	if err := p.note(Startup, p.First); err != nil {
		return 0, err
	}
	if err := p.become(); err != nil {
		return 0, err
	}
	return p.act()
}

// begin waits for the first frame.
func begin(runner *channel.Runner) (part, error) {
	first, err := runner.Receive()
	if err != nil {
		return part{}, fmt.Errorf("wait for the first frame: %w", err)
	}
	details, is := first.Body.(*message.StartupDetails)
	if !is {
		return part{}, fmt.Errorf("the first frame holds %T, not StartupDetails: there is nothing to play by", first.Body)
	}
	text, err := details.TIContext.DagRun.Conf.MarshalJSON()
	if err != nil {
		return part{}, fmt.Errorf("read dag_run.conf: %w", err)
	}
	p := part{First: First{
		ID: first.ID, Type: details.MessageType(),
		TI: details.TI.ID, DagID: details.TI.DagID, RunID: details.TI.RunID, TaskID: details.TI.TaskID,
	}}
	if err := json.Unmarshal(text, &p.Conf); err != nil {
		return part{}, fmt.Errorf("read dag_run.conf: %w", err)
	}
	return p, nil
}

// act plays all acts and, where none of them ends the process, says that the task
// succeeded.
func (p *puppet) act() (code int, err error) {
	for i, a := range p.Conf.Acts {
		value, err := a.play(p)
		var end exit
		switch {
		case errors.As(err, &end):
			return int(end), nil
		case err != nil && a.Note == "":
			return 0, fmt.Errorf("act %d, %s: %w", i+1, a.Do, err)
		case err != nil:
			value = map[string]any{"error": err.Error()}
		}
		if a.Note == "" {
			continue
		}
		if err := p.note(a.Note, value); err != nil {
			return 0, err
		}
	}
	_, err = p.accepted(&message.SucceedTask{EndDate: message.At(time.Now())})
	return 0, err
}

// accepted asks what has to be answered by no refusal.
func (p *puppet) accepted(body message.Body) (message.Response, error) {
	answer, err := p.Ask(body)
	if err == nil {
		if refusal := message.AsError(answer); refusal != nil {
			err = fmt.Errorf("%s: %w", body.MessageType(), refusal.Err())
		}
	}
	return answer, err
}
