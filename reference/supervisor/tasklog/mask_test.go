package tasklog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMaskerRules(t *testing.T) {
	m := NewMasker(5, []string{"Geheim"})
	for name, want := range map[string]bool{"db_password": true, "API_KEY": true, "mygeheimnis": true, "region": false, "": false} {
		if m.Sensitive(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	for _, step := range []error{
		m.AddValue("not-secret", "region"),
		m.AddValue("secret-1", "db_password"),
		m.AddValue(map[string]any{"region": "secret-2", "n": 5, "l": []any{"secret-3", nil, true}}, ""),
		m.AddExtra(`{"region": "eu-west-1", "token": {"a": ["secret-4"]}, "list": [{"password": "secret-5"}]}`),
		m.AddExtra(`no JSON at all`),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	const in = `not-secret secret-1 secret-2 secret-3 eu-west-1 secret-4 secret-5 [no JSON at all] {"region": "eu-west-1", "token": {"a": ["secret-4"]}, "list": [{"password": "secret-5"}]}`
	if got, want := m.Text(in), `not-secret *** *** *** eu-west-1 *** *** [***] ***`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var err error
	for i := range maxSecrets + 1 {
		if err = m.Add(fmt.Sprintf("number %d", i)); err != nil {
			break
		}
	}
	if !errors.Is(err, errTooManySecrets) {
		t.Errorf("%v", err)
	}
}

func TestMaskLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-c"\\]{5,8}`).Draw(t, "secret")
		around := rapid.StringMatching(`[a-c"\\ ]{0,12}`).Draw(t, "around")
		m := NewMasker(5, nil)
		if err := m.Add(secret); err != nil {
			t.Fatal(err)
		}
		if got := m.Text(around + secret + around); strings.Contains(got, secret) {
			t.Fatalf("%q", got)
		}
		for n := range len(secret) { // no part of the secret is logged before the rest is seen
			line := strings.Repeat(" ", 2*len(secret)) + secret[:n]
			if cut := m.cut([]byte(line)); cut > len(line)-n {
				t.Fatalf("%q is cut at %d", line, cut)
			}
		}
	})
}
