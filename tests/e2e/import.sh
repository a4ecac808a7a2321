#!/usr/bin/env bash
# Published data sets and users' lists become manifests with the right counts, from any folder.
. "$(dirname "$0")/lib.sh"

# clips: real videos to take from, one a line; clip I TARGET copies the I-th.
clips() { find -L "$ROOT/clips/train" "$ROOT/clips/test" -name '*.mp4' | sort; }
clip() {
    mkdir -p "$(dirname -- "$2")"
    cp "$(clips | sed -n "$(($1 % 24 + 1))p")" "$2"
}
have_clips() { mkdir -p "$ROOT/clips"; cp -r "${E2E_DATA:?}/." "$ROOT/clips"; }

# manifest_count SPLIT LABEL: rows of a manifest, by a reader that is not ours.
manifest_count() {
    python3 - "$1" "$2" "$3" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
print(sum(r['split'] == sys.argv[2] and (sys.argv[3] == '*' or r['label'] == sys.argv[3]) for r in rows))
END
}

# expect_rows MANIFEST 'SPLIT LABEL N'...
expect_rows() {
    local manifest=$1 wanted split label n
    shift
    for wanted in "$@"; do
        IFS='|' read -r split label n <<<"$wanted"
        expect_same "$n" "$(manifest_count "$manifest" "$split" "$label")" "rows of $split, $label"
    done
}

# Every file of a manifest is there, seen from the manifest's folder.
expect_files_of() {
    local missing
    missing=$(python3 - "$1" <<'END'
import csv, os, sys
base = os.path.dirname(sys.argv[1])
print(sum(not os.path.isfile(os.path.join(base, r['path'])) for r in csv.DictReader(open(sys.argv[1], newline=''))))
END
)
    expect_same 0 "$missing" 'files of the manifest that are not there'
}

# kinetics_tree FOLDER: ids with '-' and '_', labels with quotes, parentheses, apostrophes; one
# clip missing, one cut short, one replaced, one without sound; folders with and without '_'.
kinetics_tree() {
    local i=0 id label split
    mkdir -p "$1/annotations"
    echo 'label,youtube_id,time_start,time_end,split,is_cc' >"$1/annotations/train.csv"
    echo 'label,youtube_id,time_start,time_end,split,is_cc' >"$1/annotations/validate.csv"
    echo 'youtube_id,time_start,time_end,split' >"$1/annotations/test.csv"
    for label in 'tying knot (not on a tie)' "massaging person's head" 'playing guitar'; do
        for n in 0 1 2 3; do
            id="-_${n}a_b-${i}_x_"
            id=${id:0:11}
            split=train
            [ $n = 3 ] && split=val
            printf '"%s",%s,%d,%d,%s,0\n' "$label" "$id" $((7 + n)) $((17 + n)) \
                ${split/val/validate} >>"$1/annotations/${split/val/validate}.csv"
            clip $((i * 4 + n)) "$1/$split/${label// /_}/${id}_$(printf '%06d_%06d' $((7 + n)) $((17 + n))).mp4"
        done
        printf -- '-test_%dvid_,3,13,test\n' $i >>"$1/annotations/test.csv"
        i=$((i + 1))
    done
}

test_kinetics() {
    have_clips
    kinetics_tree "$ROOT/k400"
    cd "$ROOT/k400/train" || exit 2
    rm "playing_guitar/-_0a_b-2_x__000007_000017.mp4"
    local cut="massaging_person's_head/-_1a_b-1_x__000008_000018.mp4"
    head -c 900 "$cut" >x && mv x "$cut"
    local torn='tying_knot_(not_on_a_tie)/-_2a_b-0_x__000009_000019.mp4'
    mkdir -p ../replacement && cp "$torn" ../replacement/
    head -c 900 "$torn" >x && mv x "$torn"
    ffmpeg -v error -i "file:playing_guitar/-_1a_b-2_x__000008_000018.mp4" -an -c copy mute.mp4 &&
        mv mute.mp4 "playing_guitar/-_1a_b-2_x__000008_000018.mp4"
    mkdir -p "$ROOT/elsewhere" && cd "$ROOT/elsewhere" || exit 2
    avcl data import kinetics "$ROOT/k400"
    expect_status 0
    expect_text 'no test list with labels' 'official validation set' \
        '3 rows of the test list have no label' '3 classes, 10 clips; 2 left out'
    expect_text "massaging person's head" 'tying knot (not on a tie)'
    local made=$ROOT/elsewhere/data/kinetics
    # One of three training clips a class is held out, by its name alone: one of those is the
    # clip cut short. The official validation set becomes test.
    expect_rows "$made/manifest.csv" 'test|*|3' 'val|*|2' 'train|*|5' \
        "test|massaging person's head|1" 'test|tying knot (not on a tie)|1'
    expect_files_of "$made/manifest.csv"
    expect_same 1 "$(grep -c replacement/ "$made/manifest.csv")" 'replaced clips'
    expect_same 1 "$(grep -c 'missing: ' "$made/left_out.csv")" 'missing clips'
    expect_same 1 "$(grep -c 'corrupt: ' "$made/left_out.csv")" 'corrupt clips'
    expect_same 1 "$(python3 -c "import yaml; print(yaml.safe_load(open('$made/import.yaml'))['total']['no_audio'])")" \
        'clips without sound'
    # A list of classes, by their names in it; those of it that nobody has are said.
    avcl data import kinetics "$ROOT/k400" --classes ks34 --require-audio
    expect_status 0; expect_text '33 of 34 classes have no clip' 'no audio'
    expect_same 34 "$(grep -c . data/ks34/classes.txt)" classes
    expect_same 1 "$(grep -c 'no audio track' data/ks34/left_out.csv)" 'left out for want of sound'
    avcl data import kinetics "$ROOT/k400" --classes ks32
    expect_text '16,100' '1,100' '2,000'
    avcl data import kinetics "$ROOT/k400" --classes ks23
    expect_status 4; expect_sentence; expect_text "did you mean"
    avcl data import kinetics "$ROOT/k400" --strict
    expect_status 3; expect_sentence; expect_text 'train.csv: line 6' 'corrupt'
    avcl data import kinetix "$ROOT/k400"
    expect_status 4; expect_sentence; expect_text "did you mean 'kinetics'?"
}

# With labels in the test list (CVDF's), everything stays where it was annotated.
test_kinetics_with_test_labels() {
    have_clips
    kinetics_tree "$ROOT/cvdf"
    local i=0 label
    echo 'label,youtube_id,time_start,time_end,split' >"$ROOT/cvdf/annotations/test.csv"
    for label in 'tying knot (not on a tie)' 'playing guitar'; do
        printf '%s,-test_%dvid_,3,13,test\n' "$label" $i >>"$ROOT/cvdf/annotations/test.csv"
        clip $i "$ROOT/cvdf/test/-test_${i}vid__000003_000013.mp4" # unpacked flat
        i=$((i + 1))
    done
    cd "$ROOT" || exit 2
    avcl data import kinetics cvdf --out cvdf
    expect_status 0; expect_text 'splits as annotated' '3 classes, 14 clips; 0 left out'
    expect_rows cvdf/manifest.csv 'train|*|9' 'val|*|3' 'test|*|2' 'test|playing guitar|1'
    expect_files_of "$ROOT/cvdf/manifest.csv"
    expect_same 0 "$(grep -c '^files/' cvdf/manifest.csv)" 'paths through a link'
    printf 'no,such,columns\n1,2\n' >bad.csv
    avcl data import kinetics cvdf -o bad -a bad.csv
    expect_status 3; expect_sentence; expect_text 'bad.csv: line 1'
}

test_ucf101() {
    have_clips
    local root=$ROOT/ucf class i=0 g k
    mkdir -p "$root/ucfTrainTestlist"
    for class in ApplyEyeMakeup HandstandPushups; do
        i=$((i + 1))
        echo "$i $class" >>"$root/ucfTrainTestlist/classInd.txt"
        for g in 01 08 09 10; do
            for k in 01 02; do
                local name="$class/v_${class}_g${g}_c$k.avi"
                clip $((i * 8 + ${g#0})) "$root/UCF-101/$name"
                if [ $g = 01 ]; then echo "$name" >>"$root/ucfTrainTestlist/testlist01.txt"
                else echo "$name $i" >>"$root/ucfTrainTestlist/trainlist01.txt"; fi
            done
        done
    done
    cd "$ROOT" || exit 2
    avcl data import ucf101 ucf
    expect_status 0; expect_text 'whole groups' '2 classes, 16 clips; 0 left out'
    expect_rows data/ucf101/manifest.csv 'test|ApplyEyeMakeup|2' 'val|ApplyEyeMakeup|2' \
        'train|ApplyEyeMakeup|4' 'test|HandstandPushups|2' 'val|*|4' 'train|*|8'
    expect_files_of "$ROOT/data/ucf101/manifest.csv"
    # No group is on two sides.
    expect_same 8 "$(tail -n +2 data/ucf101/manifest.csv | sed 's/_c0[0-9].avi//' | sort -u | wc -l)" groups
    sed -i '2s/ 1$/ 2/' ucf/ucfTrainTestlist/trainlist01.txt
    avcl data import ucf101 ucf
    expect_status 3; expect_sentence; expect_text 'line 2' 'HandstandPushups'
    avcl data import ucf101 ucf --fold 2
    expect_status 4; expect_sentence; expect_text 'trainlist02.txt'
}

test_hmdb51() {
    have_clips
    local root=$ROOT/hmdb class n
    mkdir -p "$root/splits"
    for class in clap brush_hair; do
        for n in 0 1 2 3 4 5; do
            local name="#film_(part)_$((n / 2))_${class}_u_nm_np1_fr_goo_$n.avi"
            clip $n "$root/videos/$class/$name"
            case $n in 0 | 1) part=2 ;; 5) part=0 ;; *) part=1 ;; esac
            echo "$name $part " >>"$root/splits/${class}_test_split1.txt"
        done
    done
    cd "$ROOT" || exit 2
    avcl data import hmdb51 hmdb
    expect_status 0; expect_text 'whole films' '2 clips are in neither' '2 classes, 10 clips'
    # Films 1 (clips 2, 3) and 2 (clip 4) are to train on: one of them is held out.
    expect_rows data/hmdb51/manifest.csv 'test|clap|2' 'test|brush_hair|2'
    local val train
    val=$(manifest_count data/hmdb51/manifest.csv val clap)
    train=$(manifest_count data/hmdb51/manifest.csv train clap)
    holds 'v + t == 3 && v >= 1 && t >= 1' v="$val" t="$train"
    expect_files_of "$ROOT/data/hmdb51/manifest.csv"
}

test_vggsound() {
    have_clips
    local root=$ROOT/vgg n id
    mkdir -p "$root"
    for n in 0 1 2 3 4 5 6 7; do
        id="-_v${n}-_9abcd"
        id=${id:0:11}
        local part=train label='cattle, bovinae cowbell'
        [ $((n % 4)) = 3 ] && part=test
        [ $n -ge 4 ] && label="people's whistling"
        printf '%s,%d,"%s",%s\n' "$id" $((n * 10)) "$label" $part >>"$root/vggsound.csv"
        clip $n "$root/video/${id}_$(printf %06d $((n * 10))).mp4"
    done
    rm "$root/video/-_v0-_9abcd_000000.mp4"
    cd "$ROOT" || exit 2
    avcl data import vggsound vgg
    expect_status 0; expect_text '2 classes, 7 clips; 1 left out' 'cattle, bovinae cowbell'
    expect_rows data/vggsound/manifest.csv 'test|cattle, bovinae cowbell|1' \
        "test|people's whistling|1" "val|people's whistling|1" "train|people's whistling|2"
    expect_files_of "$ROOT/data/vggsound/manifest.csv"
    echo 'short,1,x,train' >>vgg/vggsound.csv
    avcl data import vggsound vgg
    expect_status 3; expect_sentence; expect_text 'vggsound.csv: line 9'
}

test_ave() {
    have_clips
    local root=$ROOT/ave n=0 part id
    mkdir -p "$root/AVE"
    for part in train train val test test; do
        id="_-A${n}E-dataset"
        id=${id:0:11}
        for class in 'Church bell' "Baby cry, infant's cry"; do
            [ "$class" = 'Church bell' ] || id="-${id:1}"
            echo "$class&$id&good&0&10" >>"$root/${part}Set.txt"
            clip $n "$root/AVE/$id.mp4"
        done
        n=$((n + 1))
    done
    cd "$ROOT" || exit 2
    avcl data import ave ave
    expect_status 0; expect_text '2 classes, 10 clips; 0 left out' "Baby cry, infant's cry"
    expect_rows data/ave/manifest.csv 'train|*|4' 'val|*|2' 'test|*|4' 'val|Church bell|1'
    expect_files_of "$ROOT/data/ave/manifest.csv"
}

test_folders() {
    have_clips
    local n
    for n in 0 1 2 3 4 5; do
        clip $n "$ROOT/plain/a (b)/$n.mp4"
        clip $n "$ROOT/plain/c's/$n.mp4"
        clip $n "$ROOT/parted/training/a/$n.mp4"
    done
    clip 7 "$ROOT/parted/valid/a/7.mp4"
    cd "$ROOT" || exit 2
    avcl data import folders plain
    expect_status 0; expect_text '2 classes, 12 clips'
    expect_rows data/plain/manifest.csv 'train|*|8' 'val|*|2' 'test|*|2' "test|c's|1"
    avcl data import folders parted/
    expect_status 0; expect_rows data/parted/manifest.csv 'train|a|6' 'val|a|1'
    mkdir -p empty
    avcl data import folders empty
    expect_status 4; expect_sentence
}

# A list as people have them: relative paths, quoted labels with commas, ids from 1, no split,
# rows without a label, three files that are not there.
own_list() {
    local n label id
    mkdir -p "$1"
    printf 'file,class,class_id\n' >"$1/my list.csv"
    for n in $(seq 0 23); do
        case $((n % 3)) in 0) label='dog, barking' id=2 ;; 1) label='cat (indoors)' id=1 ;; *) label='' id='' ;; esac
        case $n in 3 | 4 | 5) ;; *) clip "$n" "$1/my clips/take $n.mp4" ;; esac
        printf '"my clips/take %d.mp4","%s",%s\n' "$n" "$label" "$id" >>"$1/my list.csv"
    done
}

test_own_list_trains_by_one_override() {
    have_clips
    own_list "$ROOT/mine/set"
    project own_list
    local script=$PWD/experiments/study.lua
    mkdir -p "$ROOT/any/where" && cd "$ROOT/any/where" || exit 2
    avcl data import csv '../../mine/set/my list.csv' --out ../made
    expect_status 0
    expect_text 'dog, barking' 'cat (indoors)' '(no label)' '2 classes, 21 clips; 3 left out' \
        'classes in the order of their ids, the first is 1'
    expect_same 3 "$(grep -c missing ../made/left_out.csv)" 'missing files'
    expect_same "$(printf 'cat (indoors)\ndog, barking\n')" "$(cat ../made/classes.txt)" 'class lists'
    # Eight a class, one missing of each; one of those there goes to test and one to val.
    expect_rows ../made/manifest.csv 'unlab|*|7' 'train|*|10' 'test|*|2' 'val|*|2'
    avcl run "$script" data="$ROOT/any/made" --store here
    expect_status 0; expect_text '3 done'
    # The same import is the same set, and the same runs.
    cd / || exit 2
    avcl data import csv "$ROOT/mine/set/my list.csv" --out "$ROOT/any/made" >/dev/null
    avcl run "$script" data="$ROOT/any/made/manifest.csv" --store "$ROOT/any/where/here"
    expect_status 0; expect_text '3 skipped'
}

# refused TEXT... <LIST: one sentence that names the line.
refused() {
    cat >list.csv
    avcl data import csv list.csv --out refused --check none
    expect_status 3; expect_sentence; expect_text "$@"
    [ ! -e refused/manifest.csv ] || complain 'a manifest was made'
}

test_lists_are_refused_by_line() {
    cd "$ROOT" || exit 2
    printf 'vidoe,label\na.mp4,x\n' | refused 'list.csv: line 1' "did you mean 'video'?"
    printf 'path,label\na.mp4,x\nb.mp4\n' | refused 'list.csv: line 3: 1 columns'
    printf 'path,label\na.mp4,x\n,y\n' | refused 'list.csv: line 3: the path is empty'
    printf 'path,label\na.mp4,x\na.mp4,y\n' | refused "line 3: 'a.mp4' is 'y' here and 'x' in line 2"
    printf 'path,label\na.mp4,"x\n' | refused 'line 2: a quote is never closed'
    printf 'path,class_id\na.mp4,1\nb.mp4,two\n' | refused "line 3: class id 'two'"
    printf 'path,label,class_id\na.mp4,x,1\nb.mp4,y,1\n' | refused 'line 3' "'y'" "'x'"
    printf 'path,label\n' | refused 'no rows'
    printf 'a\nb\nc\n' >three.txt
    printf 'path,label\na.mp4,1\nb.mp4,4\n' >list.csv
    avcl data import csv list.csv --out refused --check none --classes three.txt --first-id 1
    expect_status 3; expect_sentence; expect_text 'line 3: class id 4'
    printf 'path,label\na.mp4,1\nb.mp4,2\n' >list.csv
    avcl data import csv list.csv --out refused --check none --classes three.txt
    expect_status 3; expect_sentence; expect_text '--first-id'
    printf 'path,label\na.mp4,1\nb.mp4,10\nc.mp4,3\nd.mp4,2\n' >list.csv
    avcl data import csv list.csv --out numbers --check none
    expect_status 0; expect_text 'whole numbers from 1 to 10'
    expect_same '1 2 3 10' "$(paste -sd' ' numbers/classes.txt)" 'class lists'
    mkdir -p foreign && echo 'path,label' >foreign/manifest.csv
    avcl data import csv list.csv --out foreign --check none
    expect_status 5; expect_sentence; expect_text 'import did not make'
    avcl data import csv nowhere.csv
    expect_status 4; expect_sentence
}

run_tests test_kinetics test_kinetics_with_test_labels test_ucf101 test_hmdb51 test_vggsound \
    test_ave test_folders test_own_list_trains_by_one_override test_lists_are_refused_by_line
