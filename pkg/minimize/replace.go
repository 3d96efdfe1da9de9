package minimize

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A replacer replaces names wherever they stand on their own: as a whole text, as a word of one, as a part of a longer
// name between hyphens or dots.
type replacer struct {
	by map[string]string
	// odd are names with characters that words do not have, such as images, the longest first.
	odd []name
}

func newReplacer(list []name) *replacer {
	r := &replacer{by: map[string]string{}}
	for _, n := range list {
		r.by[n.old] = n.new
		if strings.ContainsFunc(n.old, func(c rune) bool { return !inWord(c) }) {
			r.odd = append(r.odd, n)
		}
	}
	slices.SortStableFunc(r.odd, func(a, b name) int { return cmp.Compare(len(b.old), len(a.old)) })
	return r
}

func inWord(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// value replaces the names in all texts of a value.
func (r *replacer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		r.structure(v)
	case reflect.Slice:
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			r.value(v.Elem())
		}
	case reflect.Map:
		r.mapping(v)
	case reflect.String:
		if v.CanSet() && (v.Type().PkgPath() == "" || v.Type() == reflect.TypeFor[types.UID]()) { // other types are words of the API
			v.SetString(r.text(v.String()))
		}
	}
}

func (r *replacer) structure(v reflect.Value) {
	if v.Type() == reflect.TypeFor[metav1.FieldsV1]() {
		raw := v.FieldByName("Raw")
		raw.SetBytes([]byte(r.text(string(raw.Bytes()))))
		return
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" && f.Name != "APIVersion" && f.Name != "Kind" {
			r.value(v.Field(i))
		}
	}
}

func (r *replacer) mapping(v reflect.Value) {
	if v.IsNil() || v.Type().Key().Kind() != reflect.String {
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, k := range v.MapKeys() {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(k)
		value.Set(v.MapIndex(k))
		r.value(key)
		r.value(value)
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}

// text is a text with its names replaced.
func (r *replacer) text(s string) string {
	if to, ok := r.by[s]; ok {
		return to
	}
	for _, n := range r.odd {
		s = strings.ReplaceAll(s, n.old, n.new)
	}
	var out strings.Builder
	for len(s) > 0 {
		end := strings.IndexFunc(s, func(c rune) bool { return !inWord(c) })
		switch end {
		case -1:
			out.WriteString(r.word(s))
			return out.String()
		case 0:
			_, size := utf8.DecodeRuneInString(s)
			out.WriteString(s[:size])
			s = s[size:]
		default:
			out.WriteString(r.word(s[:end]))
			s = s[end:]
		}
	}
	return out.String()
}

// word replaces the longest names in a word, between its hyphens, dots and underscores.
func (r *replacer) word(s string) string {
	var out strings.Builder
	for at := 0; at < len(s); {
		end := len(s)
		for end > at {
			if to, ok := r.by[s[at:end]]; ok {
				out.WriteString(to)
				break
			}
			end = strings.LastIndexAny(s[at:end], "-._")
			if end >= 0 {
				end += at
			}
		}
		if end <= at { // no name begins here: on with the next part
			next := strings.IndexAny(s[at:], "-._")
			if next < 0 {
				out.WriteString(s[at:])
				break
			}
			out.WriteString(s[at : at+next+1])
			at += next + 1
			continue
		}
		at = end
	}
	return out.String()
}
