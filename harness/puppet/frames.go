package puppet

import (
	"encoding/json"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// answerTime is how long an answer may take: the stage waits longer for the whole task.
const answerTime = 8 * time.Second

// frames writes octets to the channel and reads answers, up to the end of the channel
// or to one that does not come, which is noted as a text in the place of the answer that did not come.
func frames(p *puppet, a act) (any, error) {
	if err := p.WriteOctets(a.Octets); err != nil {
		return nil, err
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
