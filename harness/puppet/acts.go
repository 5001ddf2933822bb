package puppet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/raise"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// Names of the acts that the probe has not.
const (
	Ask    = "ask"     // sends the message "request" and notes the Answer
	AskLog = "ask_log" // asks for the log channel, to which "log" writes from then on, and notes Given
	Frames = "frames"  // writes "octets" to the channel as they are, and notes the payloads of so many "answers"
	Raw    = "raw"     // writes "octets", of base64, to "channel" as they are

	NoteSIGTERM = "note_sigterm" // from here on SIGTERM does nothing, but that each is noted as SIGTERM
)

// Given is what ask_log notes when SentFDs came with one descriptor on its first octet.
const Given = "SentFDs and one descriptor on its first octet"

// Answer is what ask notes.
type Answer struct {
	Type   string          `json:"type"` // of the body; "" where there is none
	Body   json.RawMessage `json:"body,omitempty"`
	Error  string          `json:"error,omitempty"`  // code of the error element
	Detail json.RawMessage `json:"detail,omitempty"` // of it
}

// act is one entry of dag_run.conf.verbs.
type act struct {
	Do   string `json:"do"`
	Note string `json:"note,omitempty"` // under what its result is noted; "": it is not

	Key     string          `json:"key,omitempty"`
	ConnID  string          `json:"conn_id,omitempty"`
	Value   message.Raw     `json:"value,omitempty"`
	Name    string          `json:"name,omitempty"`
	Path    string          `json:"path,omitempty"`
	Message string          `json:"message,omitempty"`
	Channel string          `json:"channel,omitempty"`
	Count   int             `json:"count,omitempty"`
	Octets  []byte          `json:"octets,omitempty"`
	Answers int             `json:"answers,omitempty"`
	Code    int             `json:"code,omitempty"`
	Signal  string          `json:"signal,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Request json.RawMessage `json:"request,omitempty"`

	ID        *int64   `json:"id,omitempty"`     // of ask: the request's
	Pieces    bool     `json:"pieces,omitempty"` // of ask: each byte of the frame is written by itself
	Silent    bool     `json:"silent,omitempty"` // of wait_for: nothing is pushed before
	Argv      []string `json:"argv,omitempty"`
	Daemonise bool     `json:"daemonise,omitempty"`
}

var acts = map[string]func(p *puppet, a act) (value any, err error){
	Ask:              ask,
	AskLog:           askLog,
	Frames:           frames,
	Raw:              raw,
	"mask_secret":    mask,
	"get_connection": func(p *puppet, a act) (any, error) { return p.Ask(&message.GetConnection{ConnID: a.ConnID}) },
	"get_variable":   func(p *puppet, a act) (any, error) { return p.Ask(&message.GetVariable{Key: a.Key}) },
	"push_xcom":      func(p *puppet, a act) (any, error) { return nil, p.push(a.Key, a.Value) },
	"wait_for":       waitFor,
	"log":            log,
	"exit":           func(_ *puppet, a act) (any, error) { return nil, exit(a.Code) },
	"read_file":      func(_ *puppet, a act) (any, error) { _, err := os.ReadFile(a.Path); return nil, err },
	"signal_self":    signalSelf,
	"sleep":          sleep,
	"spawn":          spawn,
	NoteSIGTERM:      noteSIGTERM,
	"ignore_sigterm": func(*puppet, act) (any, error) { signal.Ignore(syscall.SIGTERM); return nil, nil },
}

// Plays says whether the puppet knows an act of that name.
func Plays(do string) bool { return acts[do] != nil }

func (a act) play(p *puppet) (any, error) {
	play := acts[a.Do]
	if play == nil {
		return nil, errors.New("no such act")
	}
	return play(p, a)
}

// exit is the error of an act that ends the process with this code, without a word.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit with code %d", int(e)) }

// ask sends any message that the protocol has, given as JSON with its type.
func ask(p *puppet, a act) (any, error) {
	var request message.Raw
	if err := request.UnmarshalJSON(a.Request); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	payload, err := message.RawOf([]any{0, request})
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	decoded, err := message.DecodeRequest(payload)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if a.ID != nil {
		p.Number(*a.ID)
	}
	if p.InPieces(a.Pieces); a.Pieces {
		defer p.InPieces(false)
	}
	answer, err := p.Ask(decoded.Body)
	if err != nil {
		return nil, err
	}
	var noted Answer
	if answer.Body != nil {
		noted.Type = answer.Body.MessageType()
		if noted.Body, err = json.Marshal(answer.Body); err != nil {
			return nil, fmt.Errorf("note a %s: %w", noted.Type, err)
		}
	}
	if answer.Err != nil {
		noted.Error = string(answer.Err.Error)
		if answer.Err.Detail != nil {
			if noted.Detail, err = json.Marshal(answer.Err.Detail); err != nil {
				return nil, fmt.Errorf("note an error: %w", err)
			}
		}
	}
	return noted, nil
}

func askLog(p *puppet, _ act) (value any, err error) {
	if p.log, err = p.Runner.AskLog(); err != nil {
		return nil, err
	}
	return Given, nil
}

func mask(p *puppet, a act) (any, error) {
	request := &message.MaskSecret{Value: a.Value}
	if a.Name != "" {
		request.Name = &a.Name
	}
	return p.Ask(request)
}

func (p *puppet) push(key string, value message.Raw) error {
	_, err := p.accepted(&message.SetXCom{Key: key, Value: value, DagID: p.First.DagID, RunID: p.First.RunID, TaskID: p.First.TaskID})
	return err
}

// waitFor stands at a barrier. Whoever sees the XCom finds this process holding the FIFO.
func waitFor(p *puppet, a act) (any, error) {
	fifo, err := os.Open(filepath.Join(p.Conf.Dir, a.Name))
	if err != nil {
		return nil, err
	}
	defer fifo.Close()
	yes, err := message.RawOf(true)
	if err != nil {
		return nil, err
	}
	if !a.Silent {
		if err := p.push("at_"+a.Name, yes); err != nil {
			return nil, err
		}
	}
	_, err = fifo.Read(make([]byte, 1))
	return nil, err
}

// spawn starts a child that is left running, in a session of its own if it is to be a daemon.
func spawn(_ *puppet, a act) (any, error) {
	if len(a.Argv) == 0 {
		return nil, errors.New("argv is empty")
	}
	child := exec.Command(a.Argv[0], a.Argv[1:]...)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: a.Daemonise}
	if err := child.Start(); err != nil {
		return nil, err
	}
	return map[string]int{"pid": child.Process.Pid}, nil
}

func noteSIGTERM(p *puppet, _ act) (any, error) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGTERM)
	go func() {
		for range came {
			// Nobody is left to tell, if it fails: the scenario says that the note is missing.
			_ = p.note("SIGTERM", time.Now().UTC().Format(time.RFC3339Nano))
		}
	}()
	return nil, nil
}

// log writes one line, or as many as "count" says, each with its number.
func log(p *puppet, a act) (any, error) {
	to, err := p.channel(a.Channel)
	if err != nil {
		return nil, err
	}
	for n := range max(1, a.Count) {
		text := a.Message
		if a.Count > 0 {
			text = fmt.Sprintf("%s %d", a.Message, n)
		}
		line := []byte(text + "\n")
		if to == p.log {
			if line, err = record(text); err != nil {
				return nil, err
			}
		}
		if _, err := to.Write(line); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func raw(p *puppet, a act) (any, error) {
	to, err := p.channel(a.Channel)
	if err == nil {
		_, err = to.Write(a.Octets)
	}
	return nil, err
}

// channel is what a task logs to. The log channel is asked for where nothing did so yet.
func (p *puppet) channel(name string) (*os.File, error) {
	switch name {
	case "stdout":
		return os.Stdout, nil
	case "stderr":
		return os.Stderr, nil
	}
	if p.log == nil {
		if _, err := askLog(p, act{}); err != nil {
			return nil, err
		}
	}
	return p.log, nil
}

// record is a line of the log channel.
func record(text string) ([]byte, error) {
	var line bytes.Buffer
	err := json.NewEncoder(&line).Encode(map[string]string{"level": "info", "event": text})
	return line.Bytes(), err
}

// sleep lingers; SIGTERM ends it as it ends the whole puppet.
func sleep(_ *puppet, a act) (any, error) {
	time.Sleep(time.Duration(a.Seconds * float64(time.Second)))
	return nil, nil
}

func signalSelf(_ *puppet, a act) (any, error) {
	return nil, raise.Self(a.Signal, func(number unix.Signal) bool { return signal.Ignored(number) })
}
