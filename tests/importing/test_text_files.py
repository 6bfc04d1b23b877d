"""Text files as programs save them: names keep their letters in every usual code page."""

import pytest

from app.services.spreadsheets_text import decode

SAVED = [
    ("cp1252", "João Araújo;Integração;Concluído"),
    ("cp1252", "Treinamento nº 3;NR-10 8ª edição;São Paulo"),
    ("cp1252", "Müller;Überprüfung – § 43;20 °C"),
    ("cp1252", "Søren Ærø;Åse;prøve"),
    ("cp1252", "Hélène Lefèvre;à faire;œuvre"),
    ("cp1250", "Łukasz Wiśniewski;Szkolenie;Ukończone"),
    ("cp1250", "Dvořák;Příručka;Školení"),
    ("cp1250", "Şerban;Pregătire;măsură;bună;casă mare"),
    ("cp1251", "Иванов;Обучение;Пройдено"),
    ("cp1253", "Παπαδόπουλος;Εκπαίδευση"),
    ("cp1254", "Ayşe Yıldız;Eğitim;Tamamlandı"),
    ("cp1257", "Jānis Bērziņš;Apmācība"),
    ("mac_roman", "João Araújo;Concluído"),
    ("cp850", "FUNÇÃO;SITUAÇÃO;Concluído"),
    ("cp866", "Иванов;Обучение"),
    ("shift_jis", "山田太郎;教育訓練;完了"),
    ("gb18030", "质量管理体系;文件控制程序"),
    ("euc_kr", "김철수;교육훈련;완료"),
    ("utf-16", "Zé Conceição;Segurança"),
    ("utf-8-sig", "Zé Conceição;Segurança"),
]


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize(("encoding", "line"), SAVED, ids=lambda value: str(value)[:14])
def test_a_short_list_keeps_its_letters_in_every_usual_code_page(encoding: str, line: str) -> None:
    text = f"Name;Course;Status\r\n{line}\r\n"
    assert decode(text.encode(encoding)) == text
