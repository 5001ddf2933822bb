package supervisor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// Act is something that a puppet does.
type Act struct{ verb stage.Verb }

// Do is an act that the probe has as well.
func Do(verb stage.Verb) Act { return Act{verb} }

// Ask sends a message and waits for its answer, a puppet.Answer.
func Ask(body message.Body) Act {
	request := map[string]any{}
	text, err := json.Marshal(body)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // an offset is an integer
		err = decoder.Decode(&request)
	}
	if err != nil {
		panic(fmt.Sprintf("a %s in JSON: %v", body.MessageType(), err)) // the scenario's own message
	}
	request["type"] = body.MessageType()
	return Act{stage.Verb{"do": puppet.Ask}.With("request", request)}
}

// Push pushes an XCom of the task itself, a verb of the probe, too.
func Push(key string, value any) Act { return Do(stage.PushXCom(key, value)) }

// Under has Ask send its request under this id.
func (a Act) Under(id int64) Act { return Act{a.verb.With("id", id)} }

// InPieces has Ask send its request one byte at a time, each when the one before was read.
func (a Act) InPieces() Act { return Act{a.verb.With("pieces", true)} }

// Stand is stage.WaitFor without an XCom before: nothing is said at the barrier.
func Stand(barrier string) Act { return Act{stage.WaitFor(barrier).With("silent", true)} }

// NoteSIGTERM makes SIGTERM do nothing from here on but to be noted, under "SIGTERM", with its time.
func NoteSIGTERM() Act { return Act{stage.Verb{"do": puppet.NoteSIGTERM}} }

// AskLog asks for the log channel, to which stage.Log writes from then on. The result
// is puppet.Given where it came as it has to.
func AskLog() Act { return Act{stage.Verb{"do": puppet.AskLog}} }

// Raw writes octets to "stdout", "stderr" or "log" as they are.
func Raw(channel, octets string) Act {
	return Act{stage.Verb{"do": puppet.Raw}.With("channel", channel).With("octets", base64.StdEncoding.EncodeToString([]byte(octets)))}
}

// Frames writes octets to the message channel as they are, and waits for so many
// answers. The result is a list of their payloads, arrays, and at the end of the channel
// a text in place of the next.
func Frames(answers int, octets []byte) Act {
	return Act{stage.Verb{"do": puppet.Frames}.With("octets", base64.StdEncoding.EncodeToString(octets)).With("answers", answers)}
}

// Noted has the puppet note the result of the act, be it an error, for Run.Noted.
func (a Act) Noted(as string) Act { return Act{a.verb.With("note", as)} }
