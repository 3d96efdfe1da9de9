package facts

import (
	"path"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// What looks like a credential is recognized here and nowhere else: by the name before it, by where it stands, or by
// its own shape. A text that is redacted is the same when it is redacted again.

const redacted = "REDACTED"

// A name that ends like this has a secret for a value; one that goes on (--token-file=…) has not.
const secretName = `(?:token|passwords?|passwd|passphrase|pwd|secrets?|api[-_]?keys?|access[-_]?keys?(?:[-_]?id)?|account[-_]?keys?|` +
	`(?:private|secret|encryption|signing|master|license|shared)[-_]?keys?|bearer|auth|cookie|session[-_]?id|connection[-_]?string|dsn|[-_]pass)`

var (
	secretFlag = pattern.New(`(?i)^--?[a-z0-9._-]*` + secretName + `$`)
	// credentials are a word of prose, too: "does not accept your credentials: Unauthorized".
	credentials = pattern.New(`(?i)([a-z0-9._-]*credentials?(?:\\*["']\s*[=:]\s*|=))(\\+"[^"]*?\\+"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'&;,|)\]}\\]+)`)
	secretValue = pattern.New(`(?i)([a-z0-9._-]*` + secretName + `\\*["']?(?:\s*=\s*|:\s*))(?:bearer\s+|basic\s+)?(\\+"[^"]*?\\+"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'&;,|)\]}\\]+)`)
	secretNext  = pattern.New(`(?i)(--?[a-z0-9._-]*` + secretName + `\s+)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'-][^\s"'\])]*)`)
	authHeader  = pattern.New(`(?i)(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)?\s*)([^\s"']+)`)
	bearer      = pattern.New(`(?i)\b(bearer\s+)[a-z0-9._~+/-]{12,}=*`)
	// userinfo is before the host of a URL; a password may have a slash in it, a port has not.
	userinfo    = pattern.New(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^/\s"'<>]*@|[^/\s"'<>:]+:[^\d\s"'<>@][^\s"'<>@]*@)`)
	imageUser   = pattern.New(`(^|[\s"'=(\[,])[^\s/@"'=(\[,]+@([a-zA-Z0-9.-]+(?::\d+)?/)`)
	querySecret = pattern.New(`(?i)([?&](?:sig|signature|key|code|pat|x-amz-[a-z-]+)=)([^&\s"']+)`)
	urlPath     = pattern.New(`(https?://[^\s"'<>/?#]+)(/[^\s"'<>?#\])]+)`)
	// userFlag is how curl and its like are given a user with a password.
	userFlag = pattern.New(`(^|[\s\["'])(-u|--user|-U|--proxy-user)([\s=]+["']?)([^\s:"']+):([^\s"'\])]+)`)
	// passFlag is how programs are given a password by one letter.
	passFlag = pattern.New(`\b((?:sshpass|mysql[a-z]*|mariadb[a-z-]*|mongo[a-z]*|ldap[a-z]+|docker login|helm registry login|redis-cli)\b(?:[^|;&\n]*?\s)?-[pPwa]\s?)("[^"]*"|'[^']*'|[^\s"'-][^\s"'\])]*)`)
	// shaped are credentials that say themselves what they are.
	shaped = pattern.New(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*` +
		`|\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}` +
		`|[sr]k_(?:live|test)_\w{10,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|hv[sb]\.[\w-]{20,}|npm_\w{30,}|pypi-[\w-]{20,}|dckr_pat_[\w-]{16,}|ya29\.[\w-]{16,}|hf_\w{20,})` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

// RedactText replaces what looks like a credential in a text of a container, a server or a command line.
func RedactText(s string) string { return redactText(s) }

// redactText looks for the few letters that each pattern needs before it tries it: that is a hundred times cheaper,
// and most texts are names.
func redactText(s string) string {
	if len(s) < shortest {
		return s
	}
	if hasAny(s, shapes) {
		s = shaped.ReplaceAllString(s, redacted)
	}
	if !strings.ContainsAny(s, "=:@ ") {
		return s
	}
	if strings.Contains(s, "@") && strings.Contains(s, "/") {
		s = userinfo.ReplaceAllString(s, "${1}"+redacted+"@")
		s = imageUser.ReplaceAllString(s, "${1}"+redacted+"@${2}")
	}
	if strings.Contains(s, "http") {
		s = urlPath.ReplaceAllStringFunc(s, func(u string) string {
			parts := urlPath.FindStringSubmatch(u)
			return parts[1] + redactPath(parts[2])
		})
	}
	if strings.ContainsAny(s, "?&") {
		s = querySecret.ReplaceAllString(s, "${1}"+redacted)
	}
	if strings.Contains(s, "-") {
		s = redactFlags(s)
	}
	return redactNamed(s)
}

// redactFlags redacts what a flag of one letter gives to a program.
func redactFlags(s string) string {
	if strings.Contains(s, ":") && hasAny(s, []string{"-u", "-U"}) {
		s = userFlag.ReplaceAllString(s, "${1}${2}${3}${4}:"+redacted)
	}
	if hasAny(s, []string{"-p", "-P", "-w", "-a"}) && hasAny(s, passPrograms) {
		s = redactValues(passFlag, s)
	}
	return s
}

// redactNamed redacts what a name says to be a secret.
func redactNamed(s string) string {
	lower := strings.ToLower(s)
	if !hasAny(lower, secretWords) {
		return s
	}
	s = authHeader.ReplaceAllString(s, "${1}"+redacted)
	s = bearer.ReplaceAllString(s, "${1}"+redacted)
	s = redactValues(credentials, s)
	s = redactValues(secretValue, s)
	if strings.Contains(s, "-") {
		s = redactValues(secretNext, s)
	}
	return s
}

// What a text has in it that one of the patterns above may match.
var (
	shapes = []string{"eyJ", "gh", "glpat-", "xox", "AKIA", "ASIA", "AIza", "k_live_", "k_test_", "sk-", "SG.", "hvs.", "hvb.", "npm_", "pypi-",
		"dckr_pat_", "ya29.", "hf_", "PRIVATE KEY"}
	passPrograms = []string{"sshpass", "mysql", "mariadb", "mongo", "ldap", "login", "redis-cli"}
	secretWords  = []string{"token", "pass", "pwd", "secret", "key", "credential", "bearer", "auth", "cookie", "session", "connection", "dsn"}
)

func hasAny(s string, words []string) bool {
	for _, word := range words {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

// redactValues redacts the second group, within its quotes if it has any.
func redactValues(re *pattern.Pattern, s string) string {
	var out strings.Builder
	end := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		value := s[m[4]:m[5]]
		quote := value[:len(value)-len(strings.TrimLeft(value, `\"'`))]
		out.WriteString(s[end:m[3]] + quote + redacted + quote)
		end = m[5]
	}
	out.WriteString(s[end:])
	return out.String()
}

// shortest is the length of the shortest text that is looked at: "-u a:b", "dsn=x", "a@b/".
const shortest = 4

// redactWords redacts a command line: also the word after "--password".
func redactWords(words []string) []string {
	var out []string
	for i, word := range words {
		switch {
		case i > 0 && secretFlag.MatchString(words[i-1]) && (word == "" || word[0] != '-'), key(word):
			word = redacted
		case i > 0 && oneLetter(words[:i]) != "":
			// Read as a text, the words before it tell what it is.
			before := oneLetter(words[:i]) + " "
			word = strings.TrimPrefix(redactText(before+word), before)
		default:
			word = redactText(word)
		}
		if i > 0 && strings.HasPrefix(word, "-p") && passwordProgram.MatchString(path.Base(words[0])) && len(word) > 2 {
			word = "-p" + redacted
		}
		out = append(out, word)
	}
	return out
}

// passwordProgram takes -pPASSWORD in one word.
var passwordProgram = pattern.New(`^(?:mysql|mariadb|sshpass)`)

// oneLetter is a program with its last word, if that is a flag whose value redactText knows by the two.
func oneLetter(words []string) string {
	last := words[len(words)-1]
	switch last {
	case "-u", "--user", "-U", "--proxy-user":
		return last
	case "-p", "-P", "-w", "-a":
		return path.Base(words[0]) + " " + last
	}
	return ""
}

// key reports whether a word is one that nobody would have made up: only letters and digits of both cases, as many
// as a password generator makes, or digits of a hexadecimal number as long as a digest.
func key(word string) bool {
	if len(word) < 20 {
		return false
	}
	if hexKey.MatchString(word) {
		return true
	}
	if !generated.MatchString(word) {
		return false
	}
	var lower, upper, digits int
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'A' && r <= 'Z':
			upper++
		case r >= 'a' && r <= 'z':
			lower++
		}
	}
	return lower >= 3 && upper >= 3 && digits >= 3
}

var (
	hexKey    = pattern.New(`^[0-9a-fA-F]{32,}$`)
	generated = pattern.New(`^[A-Za-z0-9+/_-]{20,}={0,2}$`)
)

// WithoutSecrets is v with every text in it redacted, for what is said of texts that no snapshot has.
func WithoutSecrets[T any](v T) T { return withoutSecrets(v) }

// withoutSecrets is v with every text in it redacted. What v shares with others is not changed.
func withoutSecrets[T any](v T) T {
	clean, changed := cleaned(reflect.ValueOf(&v).Elem())
	if !changed {
		return v
	}
	return clean.Interface().(T)
}

// plainTypes have no text of anybody.
var plainTypes = map[reflect.Type]bool{
	reflect.TypeFor[metav1.Time](): true, reflect.TypeFor[metav1.MicroTime](): true, reflect.TypeFor[resource.Quantity](): true,
}

// cleaned is a copy of v without secrets, or v if there are none.
func cleaned(v reflect.Value) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.String:
		if s := redactText(v.String()); s != v.String() {
			return reflect.ValueOf(s).Convert(v.Type()), true
		}
	case reflect.Pointer:
		if v.IsNil() {
			break
		}
		if elem, changed := cleaned(v.Elem()); changed {
			out := reflect.New(v.Type().Elem())
			out.Elem().Set(elem)
			return out, true
		}
	case reflect.Struct:
		return cleanedStruct(v)
	case reflect.Slice:
		return cleanedSlice(v)
	case reflect.Map:
		return cleanedMap(v)
	}
	return v, false
}

func cleanedStruct(v reflect.Value) (reflect.Value, bool) {
	if plainTypes[v.Type()] {
		return v, false
	}
	var out reflect.Value
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		if field, changed := cleaned(v.Field(i)); changed {
			if !out.IsValid() {
				out = reflect.New(v.Type()).Elem()
				out.Set(v)
			}
			out.Field(i).Set(field)
		}
	}
	if out.IsValid() {
		return out, true
	}
	return v, false
}

func cleanedSlice(v reflect.Value) (reflect.Value, bool) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return v, false
	}
	var out reflect.Value
	for i := range v.Len() {
		if elem, changed := cleaned(v.Index(i)); changed {
			if !out.IsValid() {
				out = reflect.MakeSlice(v.Type(), v.Len(), v.Len())
				reflect.Copy(out, v)
			}
			out.Index(i).Set(elem)
		}
	}
	if out.IsValid() {
		return out, true
	}
	return v, false
}

func cleanedMap(v reflect.Value) (reflect.Value, bool) {
	var out reflect.Value
	for _, k := range v.MapKeys() {
		if elem, changed := cleaned(v.MapIndex(k)); changed {
			if !out.IsValid() {
				out = reflect.MakeMapWithSize(v.Type(), v.Len())
				for _, other := range v.MapKeys() {
					out.SetMapIndex(other, v.MapIndex(other))
				}
			}
			out.SetMapIndex(k, elem)
		}
	}
	if out.IsValid() {
		return out, true
	}
	return v, false
}
