package html

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"strings"
)

// Budget of the file. A report of 1,000 cases with transcripts stays below 3 MB:
// about 1.2 MB for what every case and requirement shows, and these.
const (
	maxInline  = 1 << 20 // octets of all transcripts that stand in the page
	maxFolded  = 1 << 20 // octets of all blocks together, as base64
	casesBlock = 40      // cases in one block
)

// pack renders the transcripts: of the first cases that are open into the page,
// of all others into blocks until the budget is spent.
func (v *view) pack() error {
	inline, folded := 0, 0
	var waiting []*kase
	texts := map[string]string{}
	flush := func() error {
		if len(waiting) == 0 {
			return nil
		}
		block, err := fold(texts)
		if err != nil {
			return err
		}
		fits := folded+len(block) <= maxFolded
		if fits {
			folded += len(block)
			v.Chunks = append(v.Chunks, template.HTML(`<script type="application/octet-stream" class="chunk">`+block+`</script>`)) //nolint:gosec // base64
		}
		for _, k := range waiting {
			if k.LeftOut = !fits; fits {
				k.Chunk = len(v.Chunks)
			}
		}
		waiting = nil
		clear(texts)
		return nil
	}
	for i := range v.CaseAreas {
		for j := range v.CaseAreas[i].Cases {
			k := &v.CaseAreas[i].Cases[j]
			var text strings.Builder
			if err := page.ExecuteTemplate(&text, "transcript", k); err != nil {
				return err
			}
			switch {
			case strings.TrimSpace(text.String()) == "":
			case k.Open && inline+text.Len() <= maxInline:
				inline += text.Len()
				k.Inline = template.HTML(text.String()) //nolint:gosec // rendered and escaped by html/template
			default:
				texts[k.Anchor] = text.String()
				if waiting = append(waiting, k); len(waiting) == casesBlock {
					if err := flush(); err != nil {
						return err
					}
				}
			}
		}
	}
	return flush()
}

// fold is JSON, gzip, base64.
func fold(texts map[string]string) (string, error) {
	plain, err := json.Marshal(texts)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := zip.Write(plain); err != nil {
		return "", err
	}
	if err := zip.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}
