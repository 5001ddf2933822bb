package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
)

// Key is the fingerprint of everything that decides what an entry holds. Each
// part is hashed with its label and length, so that parts cannot run together.
type Key struct{ sum hash.Hash }

// NewKey starts a key.
func NewKey() *Key { return &Key{sum: sha256.New()} }

// Text adds a labelled text.
func (k *Key) Text(label, text string) {
	fmt.Fprintf(k.sum, "%s %d %s\n", label, len(text), text)
}

// File adds the content of a file. A file that does not exist counts as absent,
// which differs from empty, when optional is true.
func (k *Key) File(label, path string, optional bool) error {
	content, err := os.ReadFile(path)
	if optional && errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(k.sum, "%s absent\n", label)
		return nil
	}
	if err != nil {
		return fmt.Errorf("fingerprint %s: %w", label, err)
	}
	k.Text(label, string(content))
	return nil
}

// String returns 20 hexadecimal digits.
func (k *Key) String() string { return hex.EncodeToString(k.sum.Sum(nil))[:20] }
