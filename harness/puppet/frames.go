package puppet

import (
	"encoding/json"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// answerTime is how long an answer may take: the stage waits longer for the whole task.
const answerTime = 8 * time.Second

// between two octets a reader has time to take the first one alone.
const between = time.Millisecond

// frames writes octets to the channel and reads answers, up to the end of the channel
// or to one that does not come, which is noted as a text in the place of the answer that did not come.
func frames(p *puppet, a act) (any, error) {
	pieces := [][]byte{a.Octets}
	if a.Single {
		pieces = nil
		for i := range a.Octets {
			pieces = append(pieces, a.Octets[i:i+1])
		}
	}
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(between)
		}
		if err := p.WriteOctets(piece); err != nil {
			return nil, err
		}
	}
	answers := []json.RawMessage{}
	for range a.Answers {
		payload, err := p.Next(answerTime)
		var text []byte
		if err == nil {
			text, err = message.Raw(payload).MarshalJSON()
		}
		if err != nil {
			said, _ := json.Marshal("no answer: " + err.Error()) // a text always encodes
			return append(answers, said), nil
		}
		answers = append(answers, text)
	}
	return answers, nil
}
