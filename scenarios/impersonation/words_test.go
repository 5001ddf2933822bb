package impersonation

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestWordsOfTheArea(t *testing.T) {
	alice := account.Account{Name: "alice", UID: 61002, GID: 61300, Groups: []int{61100, 61102}}
	groups := func(gid int, groups ...int) func(stage.Check) {
		return func(c stage.Check) {
			hasGroups(c, c, "alice", proc.Process{PID: 5, GIDs: [4]int{gid, gid, gid, gid}, Groups: groups}, alice)
		}
	}
	none := func(list ...string) func(stage.Check) {
		return func(c stage.Check) { onlyAfter(c, "variables", list, []string{"OF_BOTH"}) }
	}
	for name, test := range map[string]struct {
		check func(stage.Check)
		holds bool
	}{
		"nothing but a login":           {none("HOME", "LC_ALL", "SUDO_UID", "OF_BOTH"), true},
		"a marker":                      {none("HOME", "MARKER"), false},
		"control not there":             {none(), false},
		"groups of alice":               {groups(61300, 61100, 61102, 61300), true},
		"groups without the own":        {groups(61300, 61100, 61102), true},
		"a group is missing":            {groups(61300, 61100, 61300), false},
		"a group of the worker is left": {groups(61300, 61001, 61100, 61102, 61300), false},
		"gid of another":                {groups(61003, 61100, 61102), false},
		"uid as gid":                    {groups(61002, 61100, 61102), false},
	} {
		if holds := theatre.Holds(t, test.check); holds != test.holds {
			t.Errorf("%s: holds is %v", name, holds)
		}
	}
}

func TestATextIsFoundHoweverItIsWritten(t *testing.T) {
	mark := "3f0c9a7be1d24c5f8a6b7c8d"
	written, err := json.Marshal(map[string]any{"conf": mark})
	if err != nil {
		t.Fatal(err)
	}
	for before := range 7 {
		data := append(bytes.Repeat([]byte{0xfb, 0xff}, before)[:before], written...)
		for name, text := range map[string]string{
			"plain": string(data), "base64": base64.StdEncoding.EncodeToString(data), "raw URL base64": base64.RawURLEncoding.EncodeToString(data),
			"hexadecimal": hex.EncodeToString(data), "capitals": strings.ToUpper(hex.EncodeToString(data)), "quoted": strconv.QuoteToASCII(string(data)),
		} {
			if formIn(text, formsOf(mark)) == "" {
				t.Errorf("%s after %d octets is not noticed: %s", name, before, text)
			}
		}
	}
	if form := formIn(base64.StdEncoding.EncodeToString([]byte("3f0c9a7be1d24c5f8a6b7c8e of another")), formsOf(mark)); form != "" {
		t.Errorf("another text is taken for it%s", form)
	}
}
