package messages

import (
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// sayings are lines with a secret in each, on each channel, behind a mark by which the line
// is found when the secret is gone.
type sayings struct{ mark string }

func newSayings(s *stage.Stage) sayings { return sayings{"said-" + s.Nonce()} }

func (said sayings) marked(channel string, i int) string {
	return fmt.Sprintf("%s-%s-%d", said.mark, channel, i)
}

// verbs say each secret on each channel.
func (said sayings) verbs(secrets ...string) (verbs []stage.Verb) {
	for _, channel := range channels {
		for i, secret := range secrets {
			verbs = append(verbs, channel.say(said.marked(channel.name, i)+" is "+secret+" indeed"))
		}
	}
	return verbs
}

// redacted requires that the log has the lines of a channel in which the secrets were, and
// that none of the secrets is left in any line of that channel.
func (said sayings) redacted(c stage.Check, e stage.End, channel string, secrets ...string) {
	var lines []string
	for line := range strings.Lines(e.Channel) {
		if strings.Contains(line, said.mark+"-"+channel) {
			lines = append(lines, line)
		}
	}
	c.True("control: the task log has what was said by "+channel, len(lines) >= len(secrets), fmt.Sprintf("%d lines", len(secrets)), fmt.Sprintf("%d lines", len(lines)))
	c.Empty("secrets that stand in the task log, said by "+channel, among(strings.Join(lines, ""), secrets...)...)
}

// among names the secrets that stand in a text, by their order: the report masks them.
func among(text string, secrets ...string) (found []string) {
	for i, secret := range secrets {
		if strings.Contains(text, secret) {
			found = append(found, fmt.Sprintf("secret %d of %d", i+1, len(secrets)))
		}
	}
	return found
}
