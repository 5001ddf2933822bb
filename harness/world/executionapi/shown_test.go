package executionapi

import (
	"strings"
	"testing"
)

func TestNoSecretIsShownInPart(t *testing.T) {
	const secret = "hunter2hunter2"
	for at := shownBody - len(secret) - 2; at <= shownBody+2; at++ {
		body := strings.Repeat("x", at) + secret + strings.Repeat("y", 40)
		got := shown([]byte(body), []string{"other secret", secret})
		whole := at+len(secret) <= shownBody
		if strings.Contains(got, "hunter") != whole || strings.Contains(got, secret) != whole {
			t.Errorf("secret at %d: shown ends with %q", at, got[max(0, len(got)-20):])
		}
		if len(got) > shownBody || len(got) < shownBody-len(secret) {
			t.Errorf("secret at %d: %d octets are shown", at, len(got))
		}
	}
	if got := shown(nil, []string{secret}); got != "nothing" {
		t.Errorf("an empty body is shown as %q", got)
	}
}
